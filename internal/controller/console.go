package controller

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/consolesource"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// setUpConsole makes the web console, if a flag names an address for it. Without the flag nothing is kept of passes and events.
func (w *Wiring) setUpConsole(ctx context.Context) error {
	if w.Config.ConsoleAddr == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", w.Config.ConsoleAddr)
	if err != nil {
		return fmt.Errorf("--console-bind-addr=%s: %w", w.Config.ConsoleAddr, err)
	}
	w.Log.Info("serving the web console", "url", "http://"+l.Addr().String())
	w.console = consolesource.New(consolesource.Options{
		Config: w.Config, Objects: w.cached, Names: consolesource.NamesFrom(w.mgr.GetClient()), Health: w.Clients.ELBV2, Standby: w.standby, Now: w.Now,
	})
	w.starts(consoleServer{l, console.Handler(w.console)})
	return nil
}

// consoleServer serves the web console on every replica, so that port forwarding to any of them answers. It implements manager.Runnable.
type consoleServer struct {
	listener net.Listener
	handler  http.Handler
}

// Start implements manager.Runnable.
func (s consoleServer) Start(ctx context.Context) error {
	return console.Serve(ctx, s.listener, s.handler)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (consoleServer) NeedLeaderElection() bool { return false }

// leaseTimeout is how long the console waits for the name of the replica that leads.
const leaseTimeout = 2 * time.Second

// standby is a note that this replica does not lead, and which one does; empty = it leads.
func (w *Wiring) standby(ctx context.Context) string {
	select {
	case <-w.mgr.Elected():
		return ""
	default:
	}
	note := "This replica stands by, and has no load balancers to show"
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	if w.start.lease == nil {
		return note + "."
	}
	r, _, err := w.start.lease.Get(ctx)
	if err != nil || r.HolderIdentity == "" {
		return note + ". Which one leads is not known: see the Lease " + w.Config.LeaderElectionID + "."
	}
	return note + ": " + leaderName(r.HolderIdentity) + " leads. Forward a port to that pod."
}

// leaderName is the name of the pod in the identity of a holder of the Lease, which ends with an id of its process.
func leaderName(identity string) string {
	name, _, _ := strings.Cut(identity, "_")
	return name
}
