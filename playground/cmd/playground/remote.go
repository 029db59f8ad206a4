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

// order is a command for a part of a running playground.
type order struct {
	Part       string   `json:"part"` // controller, apiserver, node
	Action     string   `json:"action"`
	Name       string   `json:"name,omitempty"`       // of a node
	Controller string   `json:"controller,omitempty"` // another binary from now on; its absolute path
	Args       []string `json:"args,omitempty"`       // further arguments of this start
}

func (o order) String() string { return o.Action + " the " + o.Part }

// outcome is what became of an order.
type outcome struct {
	PID      int    `json:"pid,omitempty"`
	Metrics  string `json:"metrics,omitempty"`
	Replicas int    `json:"replicas,omitempty"`
	Killed   int    `json:"killed,omitempty"` // the process that an order has ended
	Error    string `json:"error,omitempty"`
}

// managed is an environment whose parts take orders.
type managed interface {
	UseController(path string) error
	RunController(ctx context.Context, args ...string) error
	UpgradeController(ctx context.Context, path string) error
	StopController()
	KillLeader(ctx context.Context) (pid int, err error)
	ControllerPID() int
	ControllerReplicas() int
	ControllerMetrics() string
	ControllerFailed() error

	RestartAPIServer(ctx context.Context) error
	PauseAPIServer() error
	ResumeAPIServer() error
	CutAPIServer()
	SnapshotEtcd() error
	RestoreEtcd(ctx context.Context) error

	KillNode(name string) error
	ReviveNode(ctx context.Context, name string) error
}

// remote takes orders from other commands of the same user: they find address and token in the state directory, which
// only that user can read.
type remote struct {
	env         managed
	description *description
	token       string

	// one order at a time for each part: a paused API server must not wait for a controller that waits for it
	controller, apiServer, node sync.Mutex
}

// serveOrders begins to take orders and returns how to end it.
func serveOrders(env managed, d *description) (end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for commands to the parts: %w", err)
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
		for _, part := range []*sync.Mutex{&r.controller, &r.apiServer, &r.node} {
			part.Lock() // an order that was begun has its end
			defer part.Unlock()
		}
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
	result, err := r.obey(q.Context(), o)
	if err != nil {
		result.Error = err.Error()
	}
	if result.Replicas = r.env.ControllerReplicas(); result.Replicas > 0 {
		result.PID, result.Metrics = r.env.ControllerPID(), r.env.ControllerMetrics()
	}
	err = r.description.change(func(e *state.Endpoints) {
		e.Controller, e.Metrics, e.Replicas = result.PID, result.Metrics, result.Replicas
	})
	if err != nil {
		result.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // the command may be gone
}

// obey carries out an order.
func (r *remote) obey(ctx context.Context, o order) (result outcome, err error) {
	switch o.Part {
	case "controller":
		r.controller.Lock()
		defer r.controller.Unlock()
		return r.direct(ctx, o)
	case "apiserver":
		do := map[string]func() error{
			"restart":  func() error { return r.env.RestartAPIServer(ctx) },
			"pause":    r.env.PauseAPIServer,
			"resume":   r.env.ResumeAPIServer,
			"cut":      func() error { r.env.CutAPIServer(); return nil },
			"snapshot": r.env.SnapshotEtcd,
			"restore":  func() error { return r.env.RestoreEtcd(ctx) },
		}[o.Action]
		if do == nil {
			break
		}
		r.apiServer.Lock()
		defer r.apiServer.Unlock()
		return result, do()
	case "node":
		do := map[string]func() error{
			"kill":   func() error { return r.env.KillNode(o.Name) },
			"revive": func() error { return r.env.ReviveNode(ctx, o.Name) },
		}[o.Action]
		if do == nil {
			break
		}
		r.node.Lock()
		defer r.node.Unlock()
		return result, do()
	}
	return result, fmt.Errorf("the running playground cannot %v, because it has another version; end it with playground "+
		"down, and start it again", o)
}

// direct carries out an order for the controller.
func (r *remote) direct(ctx context.Context, o order) (result outcome, err error) {
	runs := r.env.ControllerPID() != 0 && r.env.ControllerFailed() == nil
	switch {
	case o.Action == "look":
		return result, nil
	case (o.Action == "stop" || o.Action == "kill") && !runs:
		r.env.StopController() // forgets one that ended by itself
		return result, errors.New(`the controller is not running; start it with "playground controller start"`)
	case o.Action == "start" && runs:
		return result,
			fmt.Errorf(`the controller is already running (process %d); replace it with "playground controller restart"`,
				r.env.ControllerPID())
	case o.Action == "kill":
		result.Killed, err = r.env.KillLeader(ctx)
		return result, err
	case o.Action == "upgrade":
		return result, r.env.UpgradeController(ctx, o.Controller)
	}
	if o.Controller != "" {
		if err := r.env.UseController(o.Controller); err != nil {
			return result, err
		}
	}
	r.env.StopController()
	if o.Action == "stop" {
		return result, nil
	}
	return result, r.env.RunController(ctx, o.Args...)
}

// send has the running playground carry out an order.
func send(ctx context.Context, e state.Endpoints, o order) (outcome, error) {
	if e.Control == "" {
		return outcome{},
			errors.New(
				`the running playground takes no commands to its parts: it is still starting ("playground status"), or of an older version`)
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
		return outcome{}, fmt.Errorf("%v: %w", o, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return outcome{}, fmt.Errorf("%v: %w", o, err)
	}
	if resp.StatusCode != http.StatusOK {
		return outcome{}, fmt.Errorf("%v: %s: %s", o, resp.Status, bytes.TrimSpace(content))
	}
	var result outcome
	if err := json.Unmarshal(content, &result); err != nil {
		return outcome{}, fmt.Errorf("%v: %w", o, err)
	}
	if result.Error != "" {
		return result, errors.New(result.Error)
	}
	return result, nil
}
