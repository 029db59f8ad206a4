package controller

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

func TestAnAddressOfTheConsoleThatIsTakenIsReported(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing was sent
	w := &Wiring{Config: &config.Config{ConsoleAddr: taken.Addr().String()}, Log: logr.Discard()}
	if err := w.setUpConsole(t.Context()); err == nil || !strings.Contains(err.Error(), "--console-bind-addr="+taken.Addr().String()) || w.console != nil {
		t.Errorf("%v", err)
	}
}

func TestNothingIsKeptWithoutAnAddressOfTheConsole(t *testing.T) {
	t.Parallel()
	w := &Wiring{Config: &config.Config{}, Log: logr.Discard()}
	if err := w.setUpConsole(t.Context()); err != nil || w.console != nil || len(w.runnables) != 0 {
		t.Errorf("%v: %+v", err, w.console)
	}
}

// elector is a manager that leads once elected is closed.
type elector struct {
	ctrl.Manager
	elected chan struct{}
}

func (e elector) Elected() <-chan struct{} { return e.elected }

// heldLease is a lock that a process holds, or that cannot be read.
type heldLease struct {
	resourcelock.Interface
	holder string
	err    error
}

func (l heldLease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, l.err
}

func TestAReplicaThatStandsByNamesThePodThatLeads(t *testing.T) {
	t.Parallel()
	leads := make(chan struct{})
	close(leads)
	for name, tt := range map[string]struct {
		elected chan struct{}
		lease   heldLease
		want    string
	}{
		"it leads":                       {leads, heldLease{}, ""},
		"another leads":                  {nil, heldLease{holder: "lbc-7c9-abcde_1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"}, "This replica stands by, and has no load balancers to show: lbc-7c9-abcde leads. Forward a port to that pod."},
		"none leads":                     {nil, heldLease{}, "This replica stands by, and has no load balancers to show. Which one leads is not known: see the Lease lbc-leader."},
		"the API server does not answer": {nil, heldLease{err: errors.New("refused")}, "This replica stands by, and has no load balancers to show. Which one leads is not known: see the Lease lbc-leader."},
	} {
		w := &Wiring{Config: &config.Config{LeaderElectionID: "lbc-leader"}, mgr: elector{elected: tt.elected}, start: &start{lease: &fence{Interface: tt.lease, report: func(error) {}}}}
		if got := w.standby(t.Context()); got != tt.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
