package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// apiServerName names its component.
const apiServerName = "kube-apiserver"

// stopTime bounds how long a server may take to end.
const stopTime = 20 * time.Second

// restartAPIServer stops the API server, which cuts all its connections, and starts it again at the same address. Until
// it is ready connections end at once. Everything else keeps running.
func (cp *controlPlane) restartAPIServer(ctx context.Context) error {
	if err := cp.stopAPIServer(ctx); err != nil {
		return err
	}
	return cp.startAgain(ctx)
}

// startAgain starts the API server that stopAPIServer has stopped, and returns when it is ready.
func (cp *controlPlane) startAgain(ctx context.Context) error {
	err := cp.startAPIServer(cp.options)
	if err == nil {
		err = cp.waitReady(ctx)
	}
	if err != nil {
		return fmt.Errorf("start kube-apiserver (log %s): %w", cp.logPath("apiserver"), err)
	}
	return nil
}

// pauseAPIServer has the API server stand still, as a process that is suspended: connections stay, and nothing is
// answered.
func (cp *controlPlane) pauseAPIServer() error {
	if !cp.door.hold() {
		return errors.New("the API server is paused already")
	}
	return nil
}

// resumeAPIServer ends pauseAPIServer.
func (cp *controlPlane) resumeAPIServer() error {
	if !cp.door.letGo() {
		return errors.New("the API server is not paused")
	}
	return nil
}

// stopAPIServer ends the API server and its connections.
func (cp *controlPlane) stopAPIServer(ctx context.Context) error {
	cp.door.letGo()
	cp.mu.Lock()
	server := cp.component(apiServerName)
	if server != nil {
		server.stopping = true
	}
	cp.mu.Unlock()
	if server == nil {
		return errors.New("there is no API server")
	}
	server.cancel()
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-server.done:
			return nil
		case <-tick.C:
			if !cp.door.serves() { // it waits for its watches only
				cp.door.cut()
			}
		case <-ctx.Done():
			return fmt.Errorf("stop kube-apiserver (log %s): %w", cp.logPath("apiserver"), ctx.Err())
		}
	}
}

// component is the last one by a name, nil if there is none. The lock is held.
func (cp *controlPlane) component(name string) *component {
	for i := len(cp.running) - 1; i >= 0; i-- {
		if cp.running[i].name == name {
			return cp.running[i]
		}
	}
	return nil
}
