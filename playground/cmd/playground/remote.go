package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/playground/state"
)

// description is what is written of a running playground. Its start and the commands to its controller change it.
type description struct {
	dir state.Dir

	mu        sync.Mutex
	endpoints state.Endpoints
}

// change writes the description as f leaves it.
func (d *description) change(f func(*state.Endpoints)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.endpoints)
	return d.dir.Write(d.endpoints)
}

// order is a command for the controller of a running playground.
type order struct {
	Action     string   `json:"action"`               // stop, start, restart
	Controller string   `json:"controller,omitempty"` // another binary from now on; its absolute path
	Args       []string `json:"args,omitempty"`       // further arguments of this start
}

// outcome is what became of an order.
type outcome struct {
	PID     int    `json:"pid,omitempty"`
	Metrics string `json:"metrics,omitempty"`
	Error   string `json:"error,omitempty"`
}

// managed is an environment with a controller.
type managed interface {
	UseController(path string) error
	RunController(ctx context.Context, args ...string) error
	StopController()
	ControllerPID() int
	ControllerMetrics() string
	ControllerFailed() error
}

// remote takes orders from other commands of the same user: they find address and token in the state directory, which only
// that user can read.
type remote struct {
	env         managed
	description *description
	token       string

	mu sync.Mutex // one order at a time
}

// serveOrders begins to take orders and returns how to end it.
func serveOrders(env managed, d *description) (end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for commands to the controller: %w", err)
	}
	r := &remote{env: env, description: d, token: rand.Text()}
	server := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	end = func() {
		_ = server.Close()
		<-served
		r.mu.Lock() // an order that was begun has its end
		defer r.mu.Unlock()
	}
	err = d.change(func(e *state.Endpoints) { e.Control, e.ControlToken = "http://"+listener.Addr().String(), r.token })
	if err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// ServeHTTP implements http.Handler.
func (r *remote) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if subtle.ConstantTimeCompare([]byte(q.Header.Get("Authorization")), []byte("Bearer "+r.token)) != 1 {
		http.Error(w, "not one of the playground's own commands", http.StatusForbidden)
		return
	}
	var o order
	if err := json.NewDecoder(q.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var result outcome
	if err := r.obey(q.Context(), o); err != nil {
		result.Error = err.Error()
	}
	if result.PID = r.env.ControllerPID(); result.PID != 0 {
		result.Metrics = r.env.ControllerMetrics()
	}
	if err := r.description.change(func(e *state.Endpoints) { e.Controller, e.Metrics = result.PID, result.Metrics }); err != nil {
		result.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // the command may be gone
}

func (r *remote) obey(ctx context.Context, o order) error {
	runs := r.env.ControllerPID() != 0 && r.env.ControllerFailed() == nil
	switch {
	case o.Action == "stop" && !runs:
		r.env.StopController() // forgets one that ended by itself
		return errors.New(`the controller is not running; start it with "playground controller start"`)
	case o.Action == "start" && runs:
		return fmt.Errorf(`the controller is already running (process %d); replace it with "playground controller restart"`, r.env.ControllerPID())
	}
	if o.Controller != "" {
		if err := r.env.UseController(o.Controller); err != nil {
			return err
		}
	}
	r.env.StopController()
	if o.Action == "stop" {
		return nil
	}
	return r.env.RunController(ctx, o.Args...)
}

// send has the running playground carry out an order.
func send(ctx context.Context, e state.Endpoints, o order) (outcome, error) {
	if e.Control == "" {
		return outcome{}, errors.New(`the running playground takes no commands to its controller: it is still starting ("playground status"), or of an older version`)
	}
	body, err := json.Marshal(o)
	if err != nil {
		return outcome{}, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Control, bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	q.Header.Set("Authorization", "Bearer "+e.ControlToken)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy for what is on this machine
	resp, err := client.Do(q)
	if err != nil {
		return outcome{}, fmt.Errorf("%s the controller: %w", o.Action, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return outcome{}, fmt.Errorf("%s the controller: %w", o.Action, err)
	}
	if resp.StatusCode != http.StatusOK {
		return outcome{}, fmt.Errorf("%s the controller: %s: %s", o.Action, resp.Status, bytes.TrimSpace(content))
	}
	var result outcome
	if err := json.Unmarshal(content, &result); err != nil {
		return outcome{}, fmt.Errorf("%s the controller: %w", o.Action, err)
	}
	if result.Error != "" {
		return result, errors.New(result.Error)
	}
	return result, nil
}
