package lbstatus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Start writes until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (w *Writer) Start(ctx context.Context) error {
	var writing sync.WaitGroup
	writing.Go(func() { _ = w.writes.Start(ctx) })
	writing.Go(func() { queue.Every(ctx, progressTick, nil, w.Tick) })
	defer writing.Wait()
	w.List(ctx)
	listed := w.now()
	queue.Every(ctx, firstRewritePause, nil, func(ctx context.Context) {
		if w.isNotInstalled() || w.now().Sub(listed) >= RelistInterval {
			w.List(ctx)
			listed = w.now()
		} else {
			w.LookForWriters(ctx)
		}
	})
	return nil
}

// LookForWriters reads the one object that all controllers write themselves into. It finds a second controller before
// the next list.
func (w *Writer) LookForWriters(ctx context.Context) {
	if w.Writers == nil {
		return
	}
	name := w.Writers.Beacon()
	namespace, object, ok := strings.Cut(name, "/")
	if !ok {
		return
	}
	found := &v1alpha1.LoadBalancer{}
	err := w.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: object}, found)
	if apierrors.IsNotFound(err) {
		w.Writers.Gone(name)
	}
	if err != nil {
		return // the next look, or the next list
	}
	w.Writers.Saw(name, found.Status.Controller, w.now())
	if w.Writers.Wanted(name, found.Status.Controller) == found.Status.Controller {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if key, ok := reporting.KeyOf(found); ok {
		if e := w.entries[key]; e != nil && e.decided && e.have != nil && e.have.UID == found.UID {
			e.have = found
			w.enqueue(key)
		}
	}
}

// List lists the objects and compares them with what was written.
func (w *Writer) List(ctx context.Context) {
	all, err := w.listed(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.state
	switch {
	case err == nil:
		w.state = installed
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
		w.state = notInstalled
		clear(w.underway)
		w.entries, w.pending, w.counts = map[stack.Key]*entry{}, map[stack.Key]reporting.Pass{},
			map[string]v1alpha1.TargetCounts{}
		if before != notInstalled {
			w.log.Info("no LoadBalancer objects are written: install their definition and grant the right to write them if "+
				"you want them", "cause", err.Error())
		}
		return
	default:
		if ctx.Err() == nil {
			w.log.Error(err, "listing LoadBalancer objects failed; trying again")
		}
		return
	}
	w.compare(all)
	for _, p := range w.pending {
		w.merge(p)
	}
	clear(w.pending)
	w.dropCounts()
	if before == notInstalled {
		go w.OnInstalled()
	}
}

// listPage is how many objects are read at a time.
const listPage = 500

// listed reads all objects from the API server, by pages.
func (w *Writer) listed(ctx context.Context) (all []v1alpha1.LoadBalancer, err error) {
	for next := ""; ; {
		var page v1alpha1.LoadBalancerList
		if err := w.reader.List(ctx, &page, client.InNamespace(w.namespace), client.Limit(listPage),
			client.Continue(next)); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if next = page.Continue; next == "" {
			return all, nil
		}
	}
}

func (w *Writer) compare(items []v1alpha1.LoadBalancer) {
	seen := map[stack.Key]bool{}
	if w.Writers != nil {
		names := make([]string, 0, len(items))
		for i := range items {
			names = append(names, nameOf(&items[i]))
		}
		w.Writers.Listed(names)
		for i := range items {
			w.Writers.Saw(nameOf(&items[i]), items[i].Status.Controller, w.now())
		}
	}
	for i := range items {
		o := &items[i]
		key, ok := reporting.KeyOf(o)
		if !ok {
			continue
		}
		e := w.entries[key]
		if e == nil {
			e = &entry{}
			w.entries[key] = e
		}
		if seen[key] && e.have != nil && (e.namespace == "" || e.namespace == e.have.Namespace) {
			continue // the old object of a group that moved; Kubernetes collects it with its owner
		}
		seen[key] = true
		e.have = o
	}
	for key, e := range w.entries {
		if !seen[key] {
			e.have = nil
		}
		if e.abandoned = nil; e.decided {
			w.enqueue(key)
		}
	}
}

// enqueue has the object of a stack brought to what it should be. The lock is held.
func (w *Writer) enqueue(key stack.Key) {
	w.writes.Run(key.String(), func(ctx context.Context) error { return w.bring(ctx, key) })
}

// bring writes the object of a stack if it differs from what it should be.
func (w *Writer) bring(ctx context.Context, key stack.Key) error {
	w.mu.Lock()
	e := w.entries[key]
	if e == nil || w.state != installed || e.want != nil && e.want == e.abandoned {
		w.mu.Unlock()
		return nil
	}
	job := *e
	w.mu.Unlock()
	have, err := w.write(ctx, key, job)
	denied := w.reportDenied(key, job, err)
	lost := isNotServed(err)
	if lost { // the list distinguishes this from a namespace that is gone
		w.List(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteRefused(key, denied && w.entries[key] == e, err)
	if w.entries[key] != e {
		return nil
	}
	switch e.have = have; {
	case lost && have == nil && job.have == nil:
		e.abandoned = job.want
		return nil
	case lost && have == nil: // it was deleted by others
		w.enqueue(key)
		return nil
	case err == nil && e.want == nil && have == nil:
		delete(w.entries, key)
	}
	return err
}

// reportDenied reports to the owners of an object that a policy refuses it, or no longer refuses it. It returns whether
// one does.
func (w *Writer) reportDenied(key stack.Key, e entry, err error) (denied bool) {
	denial := diag.Denial{}
	if err != nil {
		denial, denied = diag.DenialOf(awsclient.SteadyText(err.Error()))
	}
	if w.Reporter == nil {
		return denied
	}
	unit := "LoadBalancer of " + key.String()
	if !denied {
		if err == nil {
			w.Reporter.End(unit)
		}
		return false
	}
	text, remedy := denial.Of(diag.Object{Kind: "LoadBalancer", Namespace: e.namespace, Name: reporting.ObjectName(key)},
		true)
	var found diag.List
	for _, o := range e.owners {
		d := diag.New(diag.Object{Kind: o.Kind, Namespace: e.namespace, Name: o.Name, UID: string(o.UID)}, "",
			diag.PolicyDenied, text, remedy)
		d.Phase = diag.Showing
		found = append(found, d)
	}
	w.Reporter.Report(unit, reporting.Report{Found: found, Partial: true})
	return true
}

// isNotServed reports an error that the API server returns, among other cases, where the kind is no longer installed.
func isNotServed(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// isNotInstalled reports whether the kind was not installed, or not permitted, at the last list.
func (w *Writer) isNotInstalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state == notInstalled
}

// write creates, patches or deletes one object, and returns it as it is then.
func (w *Writer) write(ctx context.Context, key stack.Key, e entry) (*v1alpha1.LoadBalancer, error) {
	have := e.have
	if have != nil && (e.want == nil || have.Namespace != e.namespace) {
		if err := w.client.Delete(ctx, have.DeepCopy(), client.Preconditions{UID: &have.UID}); client.IgnoreNotFound(err) !=
			nil && !apierrors.IsConflict(err) {
			return have, fmt.Errorf("deleting LoadBalancer %s/%s: %w", have.Namespace, have.Name, err)
		}
		have = nil
	}
	if e.want == nil {
		return nil, nil
	}
	if have == nil {
		created, err := w.create(ctx, key, e)
		if err != nil || created == nil {
			return nil, err
		}
		have = created
	}
	if !equality.Semantic.DeepEqual(have.OwnerReferences, e.owners) || !bindingobject.HasLabels(have.Labels, e.labels) {
		o := have.DeepCopy()
		o.OwnerReferences, o.Labels = e.owners, maps.Clone(have.Labels)
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		maps.Copy(o.Labels, e.labels)
		if err := w.client.Patch(ctx, o, client.MergeFrom(have)); err != nil {
			return notFoundOr(have, err)
		}
		have = o
	}
	return w.writeStatus(ctx, have, *e.want)
}

// writeStatus writes a status that differs. With a second controller in mind it writes over no version of the object
// that it has not seen.
func (w *Writer) writeStatus(ctx context.Context, have *v1alpha1.LoadBalancer, want v1alpha1.LoadBalancerStatus) (
	*v1alpha1.LoadBalancer, error) {
	for attempt := 0; ; attempt++ {
		if want.Controller = have.Status.Controller; w.Writers != nil {
			want.Controller = w.Writers.Wanted(nameOf(have), have.Status.Controller)
		}
		if sameStatus(&have.Status, &want) {
			return have, nil
		}
		o := have.DeepCopy()
		o.Status = *want.DeepCopy()
		err := w.client.Status().Patch(ctx, o, client.MergeFromWithOptions(have, client.MergeFromWithOptimisticLock{}))
		if apierrors.IsConflict(err) && attempt == 0 {
			found := &v1alpha1.LoadBalancer{}
			if getErr := w.reader.Get(ctx, client.ObjectKeyFromObject(have), found); getErr != nil {
				return notFoundOr(have, getErr)
			}
			if have = found; w.Writers != nil {
				w.Writers.Saw(nameOf(have), have.Status.Controller, w.now())
			}
			continue
		}
		if err != nil {
			return notFoundOr(have, err)
		}
		if w.Writers != nil {
			w.Writers.Wrote(nameOf(o), want.Controller)
		}
		o.Status = want // as it is compared, without the rounding of times by the API server
		return o, nil
	}
}

func nameOf(o *v1alpha1.LoadBalancer) string { return o.Namespace + "/" + o.Name }

// notFoundOr forgets an object that was deleted meanwhile, so that the next attempt creates it.
func notFoundOr(have *v1alpha1.LoadBalancer, err error) (*v1alpha1.LoadBalancer, error) {
	if apierrors.IsNotFound(err) {
		have = nil
	}
	return have, fmt.Errorf("writing LoadBalancer: %w", err)
}

// create creates an object, or reads the one that exists. It returns nil in a namespace that is terminating.
func (w *Writer) create(ctx context.Context, key stack.Key, e entry) (*v1alpha1.LoadBalancer, error) {
	o := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: reporting.ObjectName(key),
		OwnerReferences: e.owners, Labels: maps.Clone(e.labels)}}
	err := w.client.Create(ctx, o)
	switch {
	case err == nil:
		return o, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, nil
	case !apierrors.IsAlreadyExists(err):
		return nil, fmt.Errorf("creating LoadBalancer %s/%s: %w", o.Namespace, o.Name, err)
	}
	found := &v1alpha1.LoadBalancer{}
	if getErr := w.reader.Get(ctx, client.ObjectKeyFromObject(o), found); getErr != nil {
		return nil, errors.Join(err, getErr)
	}
	return found, nil
}

// refusedProbe is the pause between attempts at one of the objects that a policy refuses. No event announces that the
// policy refuses them no longer.
const refusedProbe = 30 * time.Second

// noteRefused notes whether a policy refused the write of an object. The first one that it admits has all others tried
// again. The lock is held.
func (w *Writer) noteRefused(key stack.Key, denied bool, err error) {
	_, was := w.refused[key]
	if denied {
		w.refused[key] = w.now()
		return
	}
	delete(w.refused, key)
	if was && err == nil && len(w.refused) > 0 {
		w.Queue.RetryFailed(waiting.Spacing)
	}
}

// probeRefused has the object tried again that was refused longest ago.
func (w *Writer) probeRefused() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if len(w.refused) == 0 || now.Sub(w.probed) < refusedProbe {
		return
	}
	oldest, at := stack.Key{}, now
	for key, last := range w.refused {
		if !last.After(at) {
			oldest, at = key, last
		}
	}
	w.probed, w.refused[oldest] = now, now
	w.Queue.LookAgain(oldest.String())
}

// sameStatus is equality.Semantic.DeepEqual, which allocates much even for values without any difference.
func sameStatus(a, b *v1alpha1.LoadBalancerStatus) bool {
	return reflect.DeepEqual(a, b) || equality.Semantic.DeepEqual(a, b)
}
