package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// notReadYet is what is known of an object that no status shows.
const notReadYet = "the controller has not read it yet"

// waiter waits for one object.
type waiter struct {
	kube    client.Reader
	config  *config.Config
	kind    objects.Kind
	name    client.ObjectKey
	goal    string
	timeout time.Duration
	uid     string // of the object that is being deleted

	attended   attendance
	unattended string // the state of the Lease while no controller was seen to look after the object
	looks      int    // of these in a row
	done       int    // looks in a row at which the state was reached
}

func newWaiter(k client.Reader, c *config.Config, kind objects.Kind, name client.ObjectKey, o waitOptions) *waiter {
	return &waiter{kube: k, config: c, kind: kind, name: name, goal: o.goal, timeout: o.timeout, attended: attendance{
		kube: k, config: c, now: time.Now}}
}

// unattendedLooks is how many looks in a row must find the Lease of the leader unchanged before waiting ends: ten
// seconds, in which a controller that starts takes it, and one whose clock differs renews it.
const unattendedLooks = 20

// steadyLooks is how many looks in a row must find a load balancer current: two seconds. After an edit of what a member
// refers to, only the condition Ready changes, within a second.
const steadyLooks = 5

// steady is a verdict, unless it may rest on a condition from before the edit.
func (w *waiter) steady(v verdict) verdict {
	if !v.done || w.kind != loadBalancerKind || w.goal != forCurrent {
		w.done = 0
		return v
	}
	if w.done++; w.done < steadyLooks {
		return waits("condition Ready is True; waiting two seconds, because it can be a second older than an edit")
	}
	return v
}

// attendedOr is a verdict, unless no controller manages the object: what its status says is then what was true when the
// last one ended.
func (w *waiter) attendedOr(ctx context.Context, v verdict) verdict {
	if v.ends != nil || v.done && w.goal == forDeleted {
		return v
	}
	why, state := w.attended.missing(ctx, w.goal == forDeleted)
	if why == "" {
		w.looks = 0
		return v
	}
	if state != w.unattended {
		w.looks = 0
	}
	w.unattended = state
	if w.looks++; w.looks < unattendedLooks {
		return waits("no controller seems to look after it: %s", why)
	}
	return ends("no controller updates %s: %s. Start the controller; lbc doctor shows more", w, why)
}

// current is the verdict on an object whose newest version is to be in effect.
func (w *waiter) current(ctx context.Context, o client.Object) verdict {
	switch o := o.(type) {
	case *v1alpha1.LoadBalancer:
		return w.group(ctx, o)
	case *v1beta1.TargetGroupBinding:
		c := meta.FindStatusCondition(o.Status.Conditions, "Ready")
		if c == nil {
			c = &metav1.Condition{}
		}
		return ready(w.String(), o.Generation, c.ObservedGeneration, o.Status.Conditions)
	case *agav1beta1.GlobalAccelerator:
		var observed int64
		if o.Status.ObservedGeneration != nil {
			observed = *o.Status.ObservedGeneration
		}
		v := ready(w.String(), o.Generation, observed, o.Status.Conditions)
		if c := meta.FindStatusCondition(o.Status.Conditions, "EndpointsLoaded"); v.done && c != nil &&
			c.Status != metav1.ConditionTrue {
			return waits("%s (%s)", c.Message, c.Reason)
		}
		return v
	}
	if isPart(w.kind) {
		return w.part(ctx, o)
	}
	return w.member(ctx, o)
}

// ready is the verdict that condition Ready of an object leads to. observed is the generation that its status is about.
func ready(name string, generation, observed int64, all []metav1.Condition) verdict {
	c := meta.FindStatusCondition(all, "Ready")
	switch {
	case c == nil, observed < generation:
		return waits("the controller has not read generation %d yet", generation)
	case c.Status == metav1.ConditionTrue:
		return verdict{done: true, text: name + ": the newest version is in effect"}
	case c.Status == metav1.ConditionFalse && !passes(c.Reason):
		return refused("%s: %s (%s)", name, c.Message, c.Reason)
	}
	return waits("%s (%s)", c.Message, c.Reason)
}

// passes reports whether what a condition names as its reason passes by itself.
func passes(reason string) bool {
	info, ok := diag.Lookup(diag.Code(reason))
	return ok && (info.Class == diag.Throttled || info.Class == diag.Transient || info.Class == diag.Credentials ||
		info.Class == diag.Note)
}

// group is the verdict on a LoadBalancer object: that on all of its members and parts.
func (w *waiter) group(ctx context.Context, lb *v1alpha1.LoadBalancer) verdict {
	if len(lb.Status.Members) == 0 {
		return waits("the controller has not written its members yet")
	}
	for _, m := range slices.Concat(lb.Status.Members, lb.Status.Parts) {
		o, err := w.read(ctx, objects.Kind(m.Kind), client.ObjectKey{Namespace: m.Namespace, Name: m.Name})
		switch {
		case apierrors.IsNotFound(err) || err == nil && o.GetDeletionTimestamp() != nil:
			return waits("%s is deleted, and the load balancer still has its rules and listeners", titleOf(m.ObjectReference))
		case err != nil:
			return cannotRead(titleOf(m.ObjectReference), err)
		}
		if v := w.compare(lb, m, reporting.Version(o)); !v.done {
			return v
		}
	}
	if c := meta.FindStatusCondition(lb.Status.Conditions, v1alpha1.ConditionReady); c != nil &&
		c.Status != metav1.ConditionTrue { // because of an object that a member refers to
		if meta.IsStatusConditionTrue(lb.Status.Conditions, v1alpha1.ConditionStalled) {
			return refused("%s: %s (%s)", w, c.Message, c.Reason)
		}
		return waits("%s (%s)", c.Message, c.Reason)
	}
	v, by := inEffect(w.String(), lb), lb.Status.Omitted
	if by != nil && by.InEffect < by.Count {
		return waits("%d objects for which its status has no room are not in effect", by.Count-by.InEffect)
	}
	if by != nil {
		v.text += fmt.Sprintf("; of %d objects that its status does not list, the versions that the controller has read are "+
			"in effect", by.Count)
	}
	return v
}

// member is the verdict on an object that declares a load balancer.
func (w *waiter) member(ctx context.Context, o client.Object) verdict {
	v := objects.New(reads.NewLiveReader(ctx, w.kube))
	key, problem, ok := offline.KeyOf(v, w.config, o)
	switch {
	case v.Err() != nil:
		return cannotRead("what decides about the class of "+w.String(), v.Err())
	case problem != nil:
		return refused("%s: %s", problem.Object, problem.Message())
	case !ok:
		return ends("%s is %s", w, unmanaged)
	}
	return w.shown(ctx, o, func(k stack.Key) bool { return front.ShardKey(k, 0) == key })
}

// shown is the verdict on an object by the LoadBalancer objects of its stack. A group may have several: the object is
// current on all that it is on.
func (w *waiter) shown(ctx context.Context, o client.Object, of func(stack.Key) bool) verdict {
	all, err := w.loadBalancers(ctx)
	switch {
	case meta.IsNoMatchError(err):
		return ends("the cluster does not serve the kind LoadBalancer, which shows what is in effect: install its " +
			"definition, config/crd/elbv2.k8s.aws_loadbalancers.yaml")
	case err != nil:
		return cannotRead("LoadBalancer objects", err)
	}
	me, version := referenceTo(w.kind, o), reporting.Version(o)
	result := waits("%s", notReadYet)
	for i := range all {
		lb := &all[i]
		if key, ok := reporting.KeyOf(lb); !ok || !of(key) {
			continue
		}
		m := reporting.MemberOf(slices.Concat(lb.Status.Members, lb.Status.Parts), me)
		if m == nil {
			if v, ok := w.judge(lb.Status.Findings, me); ok {
				return v
			}
			if lb.Status.Omitted == nil {
				continue
			}
			if m, result = omitted(lb, me, version); m == nil {
				w.attended.saw(*lb)
				return result
			}
		}
		if result = w.compare(lb, *m, version); !result.done {
			return result
		}
	}
	return result
}

// omitted is a member that a status may have no room for, if its newest version is in effect; nil = the verdict says
// why that is not known.
func omitted(lb *v1alpha1.LoadBalancer, o v1alpha1.ObjectReference, version string) (*v1alpha1.Member, verdict) {
	by, where := lb.Status.Omitted, lb.Namespace+"/"+lb.Name
	switch {
	case slices.Contains(by.Versions, reporting.OmittedVersion(o, version)):
		return &v1alpha1.Member{ObjectReference: o, ObservedVersion: version, EffectiveVersion: version,
			Accepted: true}, verdict{}
	case int(by.InEffect) > len(by.Versions):
		return nil, ends("the status of LoadBalancer %s has no room for %d of its objects, so it does not show whether %s "+
			"is in effect: put fewer objects on one load balancer", where, by.Count, titleOf(o))
	}
	return nil, waits("the newest version is not in effect, as far as LoadBalancer %s shows, whose status does not list "+
		"%d objects; events of the object show whether it is refused", where, by.Count)
}

// compare is the verdict on one member of a load balancer, by its newest version.
func (w *waiter) compare(lb *v1alpha1.LoadBalancer, m v1alpha1.Member, version string) verdict {
	w.attended.saw(*lb)
	serving := meta.FindStatusCondition(lb.Status.Conditions, v1alpha1.ConditionServing)
	waiting := meta.FindStatusCondition(lb.Status.Conditions, v1alpha1.ConditionReconciling)
	switch {
	case m.ObservedVersion == "":
		return waits("the status of LoadBalancer %s/%s shows no versions of its objects: upgrade the "+
			"CustomResourceDefinition and the controller", lb.Namespace, lb.Name)
	case m.ObservedVersion != version:
		return waits("the controller has not read the newest version of %s yet", titleOf(m.ObjectReference))
	case m.EffectiveVersion != version:
		if v, ok := w.judge(lb.Status.Findings, m.ObjectReference); ok {
			return v
		}
		if waiting != nil && waiting.Status == metav1.ConditionTrue {
			return waits("%s", waiting.Message)
		}
		return waits("%s is not in effect yet", titleOf(m.ObjectReference))
	case !m.Accepted: // an object that it refers to was edited, or AWS refuses what it did not refuse before
		if v, ok := w.judge(lb.Status.Findings, m.ObjectReference); ok {
			return v
		}
		return waits("findings about %s stand, which the status has no room for", titleOf(m.ObjectReference))
	case serving == nil || serving.Status != metav1.ConditionTrue:
		if serving != nil && serving.Reason == v1alpha1.ReasonFailed {
			return refused("%s: AWS could not make the load balancer, whose state is failed; lbc explain tells more",
				titleOf(m.ObjectReference))
		}
		return waits("AWS is provisioning the load balancer")
	}
	return inEffect(titleOf(m.ObjectReference), lb)
}

func inEffect(name string, lb *v1alpha1.LoadBalancer) verdict {
	return verdict{done: true, text: name + ": the newest version is in effect on " + lb.Status.Name + ", " +
		lb.Status.DNSName}
}

// part is the verdict on a route or ListenerSet: its own conditions show whether it is accepted, the LoadBalancer
// objects of its Gateways what is in effect.
func (w *waiter) part(ctx context.Context, o client.Object) verdict {
	v := objects.New(reads.NewLiveReader(ctx, w.kube))
	keys := map[stack.Key]bool{}
	for _, ref := range offline.GatewaysOf(v, o) {
		g, ok := objects.Lookup[metav1.Object](v, ref.Kind, ref.Namespace, ref.Name)
		if !ok {
			continue
		}
		if key, _, ok := offline.KeyOf(v, w.config, g); ok {
			keys[key] = true
		}
	}
	switch {
	case v.Err() != nil:
		return cannotRead("the Gateways of "+w.String(), v.Err())
	case len(keys) == 0:
		return ends("%s is not managed by the controller: its parentRefs name no Gateway with a GatewayClass of "+
			"the controller", w)
	}
	for _, conditions := range conditionsOf(o) {
		if v := acceptance(w.String(), o.GetGeneration(), conditions); !v.done {
			return v
		}
	}
	return w.shown(ctx, o, func(k stack.Key) bool { return keys[k] })
}

// conditionsOf are the conditions that the controller wrote about a route for each of its parents, or about a
// ListenerSet.
func conditionsOf(o client.Object) (out [][]metav1.Condition) {
	if set, ok := o.(*gatewayv1.ListenerSet); ok {
		return [][]metav1.Condition{set.Status.Conditions}
	}
	if state, _, ok := route.Common(o); ok {
		for i := range state.Parents {
			if strings.HasPrefix(string(state.Parents[i].ControllerName), "gateway.k8s.aws/") {
				out = append(out, state.Parents[i].Conditions)
			}
		}
	}
	return out
}

// acceptance is the verdict that the conditions Accepted and ResolvedRefs lead to.
func acceptance(name string, generation int64, all []metav1.Condition) verdict {
	for _, c := range all {
		switch {
		case c.Type != string(gatewayv1.RouteConditionAccepted) && c.Type != string(gatewayv1.RouteConditionResolvedRefs):
		case c.ObservedGeneration < generation:
			return waits("the controller has not read generation %d yet", generation)
		case c.Status == metav1.ConditionFalse && c.Reason != string(gatewayv1.RouteReasonPending):
			return refused("%s: %s is False: %s (%s)", name, c.Type, c.Message, c.Reason)
		case c.Status != metav1.ConditionTrue:
			return waits("%s is %s: %s (%s)", c.Type, c.Status, c.Message, c.Reason)
		}
	}
	return verdict{done: true}
}

// loadBalancers are the LoadBalancer objects of all namespaces, as that of a group may be in another one; without the
// right to list them, those of the object's namespace.
func (w *waiter) loadBalancers(ctx context.Context) ([]v1alpha1.LoadBalancer, error) {
	var all v1alpha1.LoadBalancerList
	err := w.kube.List(ctx, &all)
	if apierrors.IsForbidden(err) {
		err = w.kube.List(ctx, &all, client.InNamespace(w.name.Namespace))
	}
	if w.attended.written == "" {
		w.attended.saw(all.Items...)
	}
	return all.Items, err
}

// sayVersion says if the newest version of an object of the cluster is not in effect, as far as a status shows it.
func (o *explainOptions) sayVersion(ctx context.Context, src *source, kind objects.Kind, object metav1.Object,
	errOut io.Writer) {
	if src.kube == nil || len(src.fromFiles) > 0 {
		return
	}
	w := newWaiter(src.kube, &o.config, kind, client.ObjectKey{Namespace: object.GetNamespace(), Name: object.GetName()},
		waitOptions{goal: forCurrent})
	if v := w.look(ctx); !v.done && v.ends == nil && v.text != notReadYet {
		fmt.Fprintf(errOut, "lbc: the newest version of %s is not in effect: %s\n", w, v.text)
	}
	if why, _ := w.attended.missing(ctx, object.GetDeletionTimestamp() != nil); why != "" {
		fmt.Fprintf(errOut, "lbc: no controller updates %s: %s. Statuses in the cluster are old; lbc doctor shows more.\n", w,
			why)
	}
}
