// Package survey reads the facts that lbc doctor examines, of a cluster and an AWS account. It reads each source
// separately and within a time limit, so that a source that fails or hangs does not affect the others. It decides and
// writes nothing.
package survey

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// Options say what to read.
type Options struct {
	Cluster *rest.Config
	// Flags are the controller's, as the command line gives them; Given reports whether it gives one. What it does not
	// give is taken from the Deployment of the controller, if there is one.
	Flags   config.Config
	Given   func(flag string) bool
	Version string // for the User-Agent
	Timeout time.Duration
	Wanted  []doctor.Source
	Offline bool // leaves AWS out
	// Role is the ARN of the controller's role, or user; empty = that of the annotation of its service account.
	Role string
	// Policy is the smallest policy of a controller with a configuration.
	Policy func(config.Config) (iampolicy.Document, error)
	// Progress is called every second with the sources that are being read or wait for others; nil = nothing is called.
	Progress func(pending []doctor.Source)
}

// state is what has been read. A loader gets a copy, and its answer is entered into the original: maps and slices are
// replaced, never changed.
type state struct {
	facts       checks.Facts
	client      client.Client
	deployments []appsv1.Deployment
	configs     []*config.Config // of the Deployments; nil = not valid
	config      config.Config    // that holds
	connection  awsclient.Connection
	clients     awsclient.Clients
}

// put enters what a loader has read.
type put func(*state)

// loader reads a source. It may return an answer together with an error, and after ctx is done, which is then too late.
type loader func(ctx context.Context, s state) (put, error)

func (r *reader) loaders() map[doctor.Source]loader {
	return map[doctor.Source]loader{
		doctor.APIServer: r.apiServer, doctor.Controller: r.controllers, doctor.Objects: r.objects,
		doctor.Definitions: r.definitions,
		doctor.Rights:      r.rights, doctor.Webhooks: r.webhooks, doctor.Admission: r.admission, doctor.Nodes: r.nodes,
		doctor.Workloads: r.workloads,
		doctor.Events:    r.events, doctor.Account: r.account, doctor.Network: r.network, doctor.Instances: r.instances,
		doctor.LoadBalancers: r.loadBalancers, doctor.Listeners: r.listeners, doctor.TargetHealth: r.targetHealth,
		doctor.Certificates: r.certificates, doctor.Limits: r.limits, doctor.SecurityGroups: r.groupRules,
		doctor.CertificateList: r.certificateList,
		doctor.Heartbeats:      r.heartbeats, doctor.RolePolicies: r.permissions,
	}
}

// reader reads once.
type reader struct {
	options Options
	clock   awsClock

	mu    sync.Mutex
	state state
	done  map[doctor.Source]chan struct{}
}

// Read reads the wanted sources, and those that they are read through or after.
func Read(ctx context.Context, o Options) checks.Facts {
	r := &reader{options: o, done: map[doctor.Source]chan struct{}{}}
	r.state.facts = checks.Facts{Facts: doctor.Facts{Now: time.Now(), Unread: map[doctor.Source]doctor.Unread{}}}
	r.state.facts.Settings = doctor.Settings{Cluster: o.Flags.ClusterName, Region: o.Flags.Region, VPC: o.Flags.VPC}
	for _, s := range o.Wanted {
		r.done[s] = make(chan struct{})
	}
	loaders := r.loaders()
	for _, s := range doctor.Sources {
		if done := r.done[s.Name]; done != nil {
			go func() {
				defer close(done)
				r.read(ctx, s, loaders[s.Name])
			}()
		}
	}
	r.await()
	if ahead, known := r.clock.ahead(); known {
		r.state.facts.Clocks = append(r.state.facts.Clocks, checks.Clock{Of: "AWS", Ahead: ahead})
	}
	return r.state.facts
}

func (r *reader) await() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for _, s := range r.options.Wanted {
		for waits := true; waits; {
			select {
			case <-r.done[s]:
				waits = false
			case <-tick.C:
				if r.options.Progress != nil {
					r.options.Progress(r.pending())
				}
			}
		}
	}
}

func (r *reader) pending() (out []doctor.Source) {
	for _, s := range r.options.Wanted {
		select {
		case <-r.done[s]:
		default:
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) snapshot() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *reader) unread(s doctor.Source, u doctor.Unread) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := maps.Clone(r.state.facts.Unread)
	all[s] = u
	r.state.facts.Unread = all
}

// read reads a source after those before it.
func (r *reader) read(ctx context.Context, s doctor.SourceInfo, load loader) {
	for _, before := range slices.Concat(s.Through, s.Uses) {
		if done := r.done[before]; done != nil {
			<-done
		}
	}
	if r.options.Offline && s.Name == doctor.Account {
		r.unread(s.Name, doctor.Unread{Reason: "--offline skips AWS", Unwanted: true})
		return
	}
	have := r.snapshot()
	for _, through := range s.Through {
		if u, ok := have.facts.Unread[through]; ok {
			u.Because, u.Remedy = cmp.Or(u.Because, through), ""
			r.unread(s.Name, u)
			return
		}
	}
	limited, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	type answer struct {
		put put
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		p, err := load(limited, have)
		answers <- answer{p, err}
	}()
	select {
	case a := <-answers:
		if a.put != nil {
			r.mu.Lock()
			a.put(&r.state)
			r.mu.Unlock()
		}
		if a.err != nil {
			r.unread(s.Name, doctor.Unread{Reason: r.reason(limited, a.err), Remedy: remedyOf(a.err)})
		}
	case <-limited.Done():
		r.unread(s.Name, doctor.Unread{Reason: r.reason(limited, limited.Err())})
	}
}

// reason is why a source could not be read.
func (r *reader) reason(limited context.Context, err error) string {
	if limited.Err() != nil {
		return fmt.Sprintf("no answer within %s (--timeout)", r.options.Timeout)
	}
	return explain(err)
}
