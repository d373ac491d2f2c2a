package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// Commands as processes of this machine.
type processes struct{}

func (processes) ExecInContainer(ctx context.Context, _ string, _ string, container string, command []string,
	in io.Reader, out, err io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Env = append(os.Environ(), "CONTAINER="+container)
	if tty {
		process.Env = append(process.Env, "TERM=xterm")
		return exitOf(runInTerminal(process, in, out, resize))
	}
	process.Stdout, process.Stderr = out, err
	// Not `process.Stdin`: its copying would be waited for, and a client keeps its side open until the end.
	if in != nil {
		pipe, fault := process.StdinPipe()
		if fault != nil {
			return fault
		}
		go func() {
			io.Copy(pipe, in)
			pipe.Close()
		}()
	}
	return exitOf(process.Run())
}

func exitOf(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return utilexec.CodeExitError{Err: err, Code: exit.ExitCode()}
	}
	return err
}

func runInTerminal(process *exec.Cmd, in io.Reader, out io.Writer, resize <-chan remotecommand.TerminalSize) error {
	master, slave, err := openTerminal()
	if err != nil {
		return err
	}
	defer master.Close()
	process.Stdin, process.Stdout, process.Stderr = slave, slave, slave
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = process.Start()
	slave.Close()
	if err != nil {
		return err
	}
	go func() {
		for size := range resize {
			window := unix.Winsize{Row: size.Height, Col: size.Width}
			unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &window)
		}
	}()
	go func() {
		if in != nil {
			io.Copy(master, in)
		}
		// Whoever sat there is gone.
		process.Process.Signal(syscall.SIGHUP)
	}()
	io.Copy(out, master)
	return process.Wait()
}

func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return master, slave, err
}

// Ports of this machine's loopback.
type loopback struct{}

func (loopback) PortForward(ctx context.Context, _ string, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}
