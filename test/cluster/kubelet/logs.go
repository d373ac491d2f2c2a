package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
)

// Each container runs, for as long as it is asked about.
type running struct{ internalapi.RuntimeService }

func (running) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	status := &runtimeapi.ContainerStatus{State: runtimeapi.ContainerState_CONTAINER_RUNNING}
	return &runtimeapi.ContainerStatusResponse{Status: status}, nil
}

type flushing struct{ http.ResponseWriter }

func (w flushing) Write(bytes []byte) (int, error) {
	written, err := w.ResponseWriter.Write(bytes)
	w.ResponseWriter.(http.Flusher).Flush()
	return written, err
}

func serveLogs(w http.ResponseWriter, r *http.Request, dir string) {
	query := r.URL.Query()
	name := "current.log"
	if query.Get("previous") == "true" {
		name = "previous.log"
	}
	path := filepath.Join(dir, r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), name)
	options := optionsOf(query)
	var out io.Writer = w
	if options.Follow {
		out = flushing{w}
		w.(http.Flusher).Flush()
	}
	err := logs.ReadLogs(r.Context(), path, "container", options, running{}, out, out)
	if err != nil && r.Context().Err() == nil {
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

func optionsOf(query url.Values) *logs.LogOptions {
	number := func(name string) *int64 {
		value, err := strconv.ParseInt(query.Get(name), 10, 64)
		if err != nil {
			return nil
		}
		return &value
	}
	options := &logs.LogOptions{
		TailLines:  number("tailLines"),
		LimitBytes: number("limitBytes"),
		Follow:     query.Get("follow") == "true",
		Timestamp:  query.Get("timestamps") == "true",
	}
	if since, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		options.Since = since
	} else if seconds := number("sinceSeconds"); seconds != nil {
		options.Since = time.Now().Add(-time.Duration(*seconds) * time.Second)
	}
	return options
}
