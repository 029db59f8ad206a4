// Package leaderdoctor makes those checks of lbc doctor that the leader can answer from its caches of objects, its
// events and its inventory of AWS. It never calls AWS, and calls the API server only to write the report.
package leaderdoctor

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// Interval is the pause between examinations.
const Interval = time.Minute

// Reader reads the caches.
type Reader interface {
	List(kind objects.Kind, namespace string) []metav1.Object
	Serves(kind objects.Kind) bool
	Err() error // the first list that failed
}

// Doctor examines once a minute. It implements manager.Runnable and runs on the leader only.
type Doctor struct {
	Version  string
	Settings doctor.Settings
	Checks   []doctor.Check
	// IngressClass is --ingress-class.
	IngressClass string
	// Kinds are those of the objects that are cached, of those that the checks read.
	Kinds        []objects.Kind
	Objects      func(context.Context) Reader
	Nodes        func(context.Context) ([]corev1.Node, error)
	Endpoints    func(ctx context.Context, namespace string) ([]discoveryv1.EndpointSlice, []corev1.Pod, error)
	Certificates func() []inventory.CertificateUse
	Degraded     func() []impairment.Condition // that hold
	Orphans      func() []orphan.Orphan
	Events       *Events
	Writer       *Writer // nil = there is no object with the report
	Now          func() time.Time
	Log          logr.Logger

	counts atomic.Pointer[[]metrics.CheckCount]
}

// Kinds returns the kinds of objects that the checks read. Those of Gateways and accelerators are cached only where
// these are served.
func Kinds(gateways, accelerators bool) []objects.Kind {
	all := []objects.Kind{objects.Ingress, objects.IngressClass, objects.IngressClassParams, objects.Service,
		objects.TargetGroupBinding, objects.Namespace}
	if gateways {
		all = append(all, objects.GatewayClass, objects.Gateway)
	}
	if accelerators {
		all = append(all, objects.GlobalAccelerator)
	}
	return all
}

// Start examines until ctx ends.
func (d *Doctor) Start(ctx context.Context) error {
	queue.Every(ctx, Interval, nil, d.Look)
	return nil
}

// Look examines once.
func (d *Doctor) Look(ctx context.Context) {
	f := d.facts(ctx)
	r := doctor.Examine(&f, &f, d.guarded())
	r.Version = d.Version
	d.count(r)
	if d.Writer != nil {
		d.Writer.Write(ctx, r, d.Now())
	}
}

// Counts returns the numbers of findings as of the last examination, and nothing before the first one.
func (d *Doctor) Counts() []metrics.CheckCount {
	if all := d.counts.Load(); all != nil {
		return *all
	}
	return nil
}

// count counts findings by check and severity. A check without findings counts as 0, so that a series ends at 0 and not
// by its absence.
func (d *Doctor) count(r doctor.Report) {
	all := make([]metrics.CheckCount, 0, len(d.Checks))
	for _, c := range d.Checks {
		all = append(all, metrics.CheckCount{Check: c.Name, Severity: string(c.Severity)})
	}
	for _, f := range r.Findings {
		i := slices.IndexFunc(all, func(c metrics.CheckCount) bool {
			return c.Check == f.Check && c.Severity == string(f.Severity)
		})
		if i < 0 {
			i, all = len(all), append(all, metrics.CheckCount{Check: f.Check, Severity: string(f.Severity)})
		}
		all[i].Findings++
	}
	d.counts.Store(&all)
}

// guarded are the checks, each of which finds nothing where it panics: the controller outlives a defect of a check.
func (d *Doctor) guarded() []doctor.Check {
	out := slices.Clone(d.Checks)
	for i := range out {
		name, find := out[i].Name, out[i].Find
		out[i].Find = func(f *doctor.Facts) (found []doctor.Finding) {
			defer func() {
				if p := recover(); p != nil {
					d.Log.Error(fmt.Errorf("%v", p), "a check of the doctor panicked", "check", name, "stack", string(debug.Stack()))
					found = nil
				}
			}()
			return find(f)
		}
	}
	return out
}

// again is the remedy for what the leader cannot read now.
const again = "read the log of the leader: it tries again each minute"

func (d *Doctor) facts(ctx context.Context) doctor.Facts {
	f := doctor.Facts{Now: d.Now(), Settings: d.Settings, IngressClass: d.IngressClass,
		Unread: map[doctor.Source]doctor.Unread{}, Objects: objects.Snapshot{}}
	reader := d.Objects(ctx)
	for _, kind := range d.Kinds {
		if !reader.Serves(kind) {
			f.Unserved = append(f.Unserved, kind)
			continue
		}
		for _, o := range reader.List(kind, "") {
			f.Objects.Put(o)
		}
	}
	if err := reader.Err(); err != nil {
		f.Unread[doctor.Objects] = doctor.Unread{Reason: err.Error(), Remedy: again}
	}
	var err error
	if f.Nodes, err = d.Nodes(ctx); err != nil {
		f.Unread[doctor.Nodes] = doctor.Unread{Reason: err.Error(), Remedy: again}
	}
	if err := d.workloads(ctx, &f); err != nil {
		f.Unread[doctor.Workloads] = doctor.Unread{Reason: err.Error(), Remedy: again}
	}
	f.Events = d.Events.since(f.Now.Add(-kept))
	f.Degraded, f.Orphans = d.Degraded(), d.Orphans()
	d.certificates(&f)
	return f
}

// workloads reads the endpoints and pods of namespaces whose pods get readiness gates.
func (d *Doctor) workloads(ctx context.Context, f *doctor.Facts) error {
	read := map[string]bool{}
	for _, b := range f.Bindings() {
		if read[b.Namespace] || !f.Gated(b) {
			continue
		}
		read[b.Namespace] = true
		endpoints, pods, err := d.Endpoints(ctx, b.Namespace)
		if err != nil {
			return err
		}
		f.Slices, f.Pods = append(f.Slices, endpoints...), append(f.Pods, pods...)
	}
	return nil
}

// certificates enters the certificates of listeners, with one load balancer for each stack.
func (d *Doctor) certificates(f *doctor.Facts) {
	at, known := map[stack.Key]int{}, false
	for _, u := range d.Certificates() {
		known = known || !u.NotAfter.IsZero()
		f.Certificates = append(f.Certificates, doctor.Certificate{ARN: u.ARN, Domains: u.Domains, Begins: u.NotBefore,
			Expires: u.NotAfter})
		for _, key := range u.Stacks {
			i, there := at[key]
			if !there {
				i = len(f.LoadBalancers)
				at[key], f.LoadBalancers = i, append(f.LoadBalancers, doctor.LoadBalancer{Name: key.String(), Key: key})
			}
			f.LoadBalancers[i].Certificates = append(f.LoadBalancers[i].Certificates, u.ARN)
		}
	}
	if !known {
		f.Unread[doctor.Certificates] = doctor.Unread{
			Reason: "the leader knows no certificate of a listener from a list of ACM's", Unwanted: true}
	}
}

const (
	// reread is how long the object is not looked at while the report says the same: somebody may delete it.
	reread = time.Hour
	// refusedPause is the pause after a refused read or write.
	refusedPause = 10 * time.Minute
	// writeTimeout bounds a read with its write.
	writeTimeout = 10 * time.Second
)

// Writer keeps the ConfigMap with the report as it is. It is not safe for concurrent use.
type Writer struct {
	Client    client.Client // of the API server: it reads no cache
	Namespace string
	Log       logr.Logger

	last   *doctor.Report // as written, or found; nil = not known
	read   time.Time      // when the object was read or written last
	paused time.Time      // nothing is tried before that
	told   bool           // that it is refused
}

// Write writes a report if it says something else than the last one, or is older than an hour.
func (w *Writer) Write(ctx context.Context, r doctor.Report, now time.Time) {
	s := doctor.Store(r, now)
	if now.Before(w.paused) || w.last != nil && w.last.Same(s.Report) && now.Sub(w.read) < reread {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	switch err := w.write(ctx, s); {
	case err == nil:
		w.last, w.read, w.told = &s.Report, now, false
	case ctx.Err() != nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		w.last = nil // the next examination tries again
	default:
		w.last, w.paused = nil, now.Add(refusedPause)
		if !w.told {
			w.Log.Info("the report of the doctor in the leader cannot be written; metric lbc_check has its numbers. Grant "+
				"get, create and update of the ConfigMap to the controller's service account",
				"configmap", w.Namespace+"/"+doctor.ConfigMap, "cause", err.Error())
			w.told = true
		}
	}
}

// write reads the object and writes it where its content is another one.
func (w *Writer) write(ctx context.Context, s doctor.Stored) error {
	m := &corev1.ConfigMap{}
	err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: doctor.ConfigMap}, m)
	if apierrors.IsNotFound(err) {
		m = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: doctor.ConfigMap}, Data: s.Data()}
		return w.Client.Create(ctx, m)
	}
	if err != nil {
		return err
	}
	if !s.Replaces(m.Data) {
		return nil // as a former leader, or this one, has written it
	}
	m.Data = s.Data()
	return w.Client.Update(ctx, m)
}
