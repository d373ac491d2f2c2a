// Slow-path joins two TUN devices and carries packets between them late, and not all of them: what netem does, for
// kernels that lack it. One device stays where it is made, the other is for a network namespace. Prints "ready" once
// both exist, and ends with its standard input.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"syscall"
	"time"
	"unsafe"
)

const (
	// Of the simulated path; as on the Internet.
	mtu = 1500
	// Packets under way in one direction: 96 MiB, which is more than TCP has there.
	queueLength = 65536
	tunFlags    = 0x0001 | 0x1000 // IFF_TUN | IFF_NO_PI
	tunSetIff   = 0x400454ca
)

type packet struct {
	dueAt time.Time
	bytes []byte
}

func openTun(name string) *os.File {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		log.Fatalf("/dev/net/tun: %v", err)
	}
	var request struct {
		name  [16]byte
		flags uint16
		pad   [22]byte
	}
	copy(request.name[:15], name)
	request.flags = tunFlags
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), tunSetIff, uintptr(unsafe.Pointer(&request))); errno != 0 {
		log.Fatalf("%s: %v", name, errno)
	}
	return os.NewFile(uintptr(fd), name)
}

// carry reads packets, loses some, and writes the others after the delay, in order.
func carry(from, to *os.File, delay time.Duration, loss float64) {
	waiting := make(chan packet, queueLength)
	go func() {
		for p := range waiting {
			if wait := time.Until(p.dueAt); wait > 0 {
				time.Sleep(wait)
			}
			// A full device drops it, as a full queue does anywhere.
			_, _ = to.Write(p.bytes)
		}
	}()
	for {
		bytes := make([]byte, mtu)
		count, err := from.Read(bytes)
		if err != nil {
			// The device is down until it is configured.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if rand.Float64() < loss {
			continue
		}
		select {
		case waiting <- packet{time.Now().Add(delay), bytes[:count]}:
		default:
		}
	}
}

func main() {
	outside := flag.String("outside", "", "name of the one device")
	inside := flag.String("inside", "", "name of the other")
	delay := flag.Duration("delay", 0, "in each direction")
	loss := flag.Float64("loss", 0, "share of the packets, in each direction")
	flag.Parse()
	a, b := openTun(*outside), openTun(*inside)
	go carry(a, b, *delay, *loss)
	go carry(b, a, *delay, *loss)
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
