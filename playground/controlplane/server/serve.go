// Package server runs a control plane in this process, for its parent, which speaks to it by package controlplane.
// Kubernetes components keep process-wide state (klog, feature gates), so a process runs one, once. Nothing but the
// program of the playground imports this package: it imports k8s.io/kubernetes, etcd and client-go, and nothing of the
// root module.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/k8s-lbc/lbc/playground/controlplane"
)

// Serve takes requests from a control plane's parent until their end or that of ctx, after which the process is to end:
// its parts still run.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	s := &session{out: json.NewEncoder(out), running: map[int]context.CancelFunc{}}
	ended := make(chan error, 1)
	go func() { ended <- s.listen(json.NewDecoder(in)) }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// session is what a parent has asked for.
type session struct {
	mu      sync.Mutex // guards all
	out     *json.Encoder
	running map[int]context.CancelFunc // requests by ID
	plane   *controlPlane              // nil before the start
}

// listen obeys requests, which may overlap, until there are no more.
func (s *session) listen(in *json.Decoder) error {
	for {
		var r controlplane.Request
		err := in.Decode(&r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request to the control plane: %w", err)
		}
		s.mu.Lock()
		if r.Action == controlplane.ActionCancel {
			if cancel := s.running[r.ID]; cancel != nil {
				cancel()
			}
		} else {
			ctx, cancel := context.WithCancel(context.Background())
			s.running[r.ID] = cancel
			go s.answer(ctx, r)
		}
		s.mu.Unlock()
	}
}

func (s *session) answer(ctx context.Context, r controlplane.Request) {
	m := controlplane.Message{ID: r.ID}
	if err := s.obey(ctx, r); err != nil {
		m.Error = err.Error()
	} else if r.Action == controlplane.ActionStart {
		m.Address = s.plane.address
	}
	s.mu.Lock()
	s.running[r.ID]()
	delete(s.running, r.ID)
	s.mu.Unlock()
	s.send(m)
}

// send sends a message. A parent that reads no more is about to end this process.
func (s *session) send(m controlplane.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(m)
}

func (s *session) obey(ctx context.Context, r controlplane.Request) error {
	if r.Action == controlplane.ActionStart {
		return s.start(ctx, r)
	}
	s.mu.Lock()
	cp := s.plane
	s.mu.Unlock()
	if cp == nil {
		return errors.New("the control plane has not started")
	}
	switch r.Action {
	case controlplane.ActionRestart:
		return cp.restartAPIServer(ctx)
	case controlplane.ActionPause:
		return cp.pauseAPIServer()
	case controlplane.ActionResume:
		return cp.resumeAPIServer()
	case controlplane.ActionCut:
		cp.door.cut()
		return nil
	case controlplane.ActionSnapshot:
		return cp.snapshotEtcd(r.Snapshot)
	case controlplane.ActionRestore:
		return cp.restoreEtcd(ctx, r.Snapshot)
	case controlplane.ActionStart, controlplane.ActionCancel: // obeyed elsewhere
	}
	return fmt.Errorf("%q is no action of a control plane", r.Action)
}

func (s *session) start(ctx context.Context, r controlplane.Request) error {
	cp := &controlPlane{options: *r.Options, creds: r.Credentials, report: func(failure error) {
		s.send(controlplane.Message{Failed: failure.Error()})
	}}
	if err := cp.start(ctx, func(component string) { s.send(controlplane.Message{Progress: component}) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plane = cp
	return nil
}
