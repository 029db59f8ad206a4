package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var trafficChecks = []Check{{
	Name: "targets-unhealthy", Severity: Warning, Needs: []Source{TargetHealth},
	About: "Registered targets of a target group are not healthy. The finding has AWS's reason for each. It is an " +
		"error if none is healthy.",
	Remedy: "Target.FailedHealthChecks and Target.ResponseCodeMismatch: correct path, port or success codes of the " +
		"health check; Target.Timeout: admit the load balancer in the security group of pods or nodes",
	Find: unhealthyTargets,
}, {
	Name: "zone-uncovered", Severity: Warning, Needs: []Source{TargetHealth},
	About:  "Targets are in a zone that is not enabled for the load balancer: they get no requests.",
	Remedy: "add a subnet of the zone to the load balancer, or do not run the pods in this zone",
	Find:   uncoveredZones,
}, {
	Name: "endpoints-unregistered", Severity: Error, Needs: []Source{TargetHealth, Workloads, Objects},
	About: "Pods that have been ready for more than half a minute are not registered in the target group of their " +
		"TargetGroupBinding, or no node is registered.",
	Remedy: "check that the controller runs and has a leader, and read the events of the TargetGroupBinding",
	Find:   unregisteredEndpoints,
}, {
	Name: "targets-absent", Severity: Warning, Needs: []Source{Objects}, Uses: []Source{TargetHealth, Workloads},
	About: "The target group of a TargetGroupBinding has no targets, so requests get 503. The Service is of type " +
		"ExternalName, or no pod that it selects has been ready for a minute.",
	Remedy: "compare the selector of the Service with the labels of the pods, and read why the pods are not ready: " +
		"kubectl describe pod",
	Find: absentTargets,
}, {
	Name: "readiness-gate-missing", Severity: Warning, Needs: []Source{Workloads, Objects},
	About: "Pods of a namespace with readiness gates have none: they were created before the label, or while the " +
		"webhook did not answer. Rollouts do not wait for their health in the load balancer.",
	Remedy: "recreate the pods: kubectl rollout restart",
	Find:   podsWithoutGate,
}, {
	Name: "termination-abrupt", Severity: Note, Needs: []Source{Workloads, Objects},
	About: "The grace period of pods, or their sleep before the end, is shorter than the time in which their load " +
		"balancers may still send requests. These requests get 502 or 504, or fail. For an Application Load Balancer, the " +
		"time is 15 seconds plus the declared deregistration delay (30 seconds without one). For a Network Load Balancer, " +
		"it is 180 seconds, or a longer declared delay.",
	Remedy: "label the namespace elbv2.k8s.aws/pod-drain-inject=enabled and recreate the pods, or give them " +
		"lifecycle.preStop.sleep.seconds and a longer terminationGracePeriodSeconds; if requests are short, declare a " +
		"deregistration delay",
	Find: abruptPods,
}}

// bindingChecks are those of traffic that the leader makes.
var bindingChecks = []Check{{
	Name: "target-group-bound-twice", Severity: Error, Needs: []Source{Objects},
	About: "Several TargetGroupBindings register their targets in one target group, and not all of them declare that " +
		"they share it. Each removes the targets of the others.",
	Remedy: "delete all but one, or set spec.multiClusterTargetGroup: true on all of them",
	Find:   boundTwice,
}, {
	Name: "load-balancers-shareable", Severity: Note, Needs: []Source{Objects},
	About: "Three or more Ingresses of a namespace with the same class and scheme have a load balancer each. Or three " +
		"or more Services of a namespace do, with the same scheme and different ports. One shared load balancer costs less.",
	Remedy: "give Ingresses the same annotation alb.ingress.kubernetes.io/group.name, Services the same " +
		"service.beta.kubernetes.io/aws-load-balancer-group-name; their address changes",
	Find: shareable,
}}

// States of targets, and a reason.
const (
	healthy  = "healthy"
	draining = "draining"
	notInUse = "Target.NotInUse"
)

// bad reports whether a target gets no requests because of its health.
func bad(t Target) bool { return t.State == "unhealthy" || t.State == "unavailable" }

func unhealthyTargets(f *Facts) (out []Finding) {
	for _, g := range f.TargetGroups {
		var well int
		var ill []string
		for _, t := range g.Targets {
			switch {
			case bad(t):
				ill = append(ill, t.String())
			case t.State == healthy:
				well++
			}
		}
		if len(ill) == 0 {
			continue
		}
		x := Finding{Object: "target group " + g.Name, Text: fmt.Sprintf("%d of %d targets are unhealthy", len(ill),
			len(g.Targets)), Evidence: ill[:min(len(ill), 5)]}
		if len(ill) > 5 {
			x.Evidence = append(x.Evidence, fmt.Sprintf("and %d more", len(ill)-5))
		}
		if well == 0 {
			x.Severity = Error
		}
		out = append(out, x)
	}
	return out
}

func uncoveredZones(f *Facts) (out []Finding) {
	zones := map[string][]string{}
	for _, lb := range f.LoadBalancers {
		zones[lb.ARN] = lb.Zones
	}
	for _, g := range f.TargetGroups {
		var idle []string
		for _, t := range g.Targets {
			if t.State == "unused" && t.Reason == notInUse && slices.ContainsFunc(g.LoadBalancers, func(arn string) bool {
				return t.Zone != "" && zones[arn] != nil && !slices.Contains(zones[arn], t.Zone)
			}) {
				idle = append(idle, fmt.Sprintf("%s:%d in %s", t.ID, t.Port, t.Zone))
			}
		}
		if len(idle) > 0 {
			out = append(out, Finding{Object: "target group " + g.Name, Text: count(len(idle), "target") +
				" in zones that are not enabled for the load balancer", Evidence: join("", idle)})
		}
	}
	return out
}

func bindings(f *Facts) []*v1beta1.TargetGroupBinding {
	return list[*v1beta1.TargetGroupBinding](f, objects.TargetGroupBinding)
}

// endpoint is a pod behind a Service.
type endpoint struct {
	address string
	pod     *corev1.Pod // nil = not known
}

// podsOf are the pods by namespace and name.
func podsOf(f *Facts) map[[2]string]*corev1.Pod {
	all := make(map[[2]string]*corev1.Pod, len(f.Pods))
	for i := range f.Pods {
		p := &f.Pods[i]
		all[[2]string{p.Namespace, p.Name}] = p
	}
	return all
}

// targetGroups are the target groups by ARN.
func targetGroups(f *Facts) map[string]*TargetGroup {
	all := make(map[string]*TargetGroup, len(f.TargetGroups))
	for i := range f.TargetGroups {
		all[f.TargetGroups[i].ARN] = &f.TargetGroups[i]
	}
	return all
}

// endpoints are the ready ones of the Service of a binding.
func endpoints(f *Facts, b *v1beta1.TargetGroupBinding, pods map[[2]string]*corev1.Pod) (out []endpoint) {
	for i := range f.Slices {
		s := &f.Slices[i]
		if s.Namespace != b.Namespace || s.Labels[discoveryv1.LabelServiceName] != b.Spec.ServiceRef.Name {
			continue
		}
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || !*e.Conditions.Ready {
				continue
			}
			for _, a := range e.Addresses {
				x := endpoint{address: a}
				if e.TargetRef != nil {
					x.pod = pods[[2]string{b.Namespace, e.TargetRef.Name}]
				}
				out = append(out, x)
			}
		}
	}
	return out
}

// registering is how long a ready pod may take to be registered.
const registering = 30 * time.Second

func unregisteredEndpoints(f *Facts) (out []Finding) {
	pods, groups := podsOf(f), targetGroups(f)
	for _, b := range bindings(f) {
		g := groups[b.Spec.TargetGroupARN]
		if g == nil || b.Spec.TargetType == nil {
			continue
		}
		var missing []string
		all := endpoints(f, b, pods)
		// the controller tells of endpoints without pods why they are no targets
		if *b.Spec.TargetType == v1beta1.TargetTypeIP {
			all = slices.DeleteFunc(all, func(e endpoint) bool { return e.pod == nil })
		}
		for _, e := range all {
			if e.pod != nil && f.Now.Sub(readySince(e.pod)) < registering {
				continue
			}
			registered := slices.ContainsFunc(g.Targets, func(t Target) bool { return t.ID == e.address && t.State != draining })
			if *b.Spec.TargetType == v1beta1.TargetTypeIP && !registered {
				missing = append(missing, e.address)
			}
		}
		x := Finding{Object: nameOf(b), Text: fmt.Sprintf("%d of %d ready endpoints are not registered in target group %s",
			len(missing), len(all), g.Name), Evidence: join("", missing)}
		if *b.Spec.TargetType == v1beta1.TargetTypeInstance && len(all) > 0 && len(g.Targets) == 0 &&
			f.Now.Sub(b.CreationTimestamp.Time) > registering {
			missing, x.Text = []string{""}, "no node is registered in target group "+g.Name
		}
		if len(missing) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// absentTargets are the bindings whose target groups stay empty for a reason that Kubernetes shows.
func absentTargets(f *Facts) (out []Finding) {
	_, unread := f.Unread[Workloads]
	groups := targetGroups(f)
	for _, b := range bindings(f) {
		x := Finding{Object: nameOf(b)}
		o, _ := f.Objects.Get(objects.Service, b.Namespace, b.Spec.ServiceRef.Name)
		if svc, ok := o.(*corev1.Service); ok {
			x.Text, x.Remedy = serviceport.WithoutEndpoints(svc)
		}
		g := groups[b.Spec.TargetGroupARN]
		if x.Text == "" && !unread && g != nil && len(g.Targets) == 0 &&
			f.Now.Sub(b.CreationTimestamp.Time) > time.Minute && len(endpoints(f, b, nil)) == 0 {
			x.Text = fmt.Sprintf("target group %s has no targets: Service %s/%s has no ready endpoints", g.Name, b.Namespace,
				b.Spec.ServiceRef.Name)
		}
		if x.Text != "" {
			out = append(out, x)
		}
	}
	return out
}

// readySince is when a pod became ready, by its last transition.
func readySince(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return p.CreationTimestamp.Time
}

func boundTwice(f *Facts) (out []Finding) {
	of, alone := map[string][]string{}, map[string]bool{}
	for _, b := range bindings(f) {
		group := b.Spec.TargetGroupARN
		if group == "" { // it is known by its name until the controller has completed the binding
			continue
		}
		of[group] = append(of[group], nameOf(b))
		alone[group] = alone[group] || !b.Spec.MultiClusterTargetGroup
	}
	for _, group := range slices.Sorted(maps.Keys(of)) {
		if n := len(of[group]); n > 1 && alone[group] {
			out = append(out, Finding{Object: "target group " + group, Text: fmt.Sprintf("%d TargetGroupBindings register "+
				"targets in it", n), Evidence: join("", of[group])})
		}
	}
	return out
}

const (
	gateLabel  = "elbv2.k8s.aws/pod-readiness-gate-inject"
	gatePrefix = "target-health.elbv2.k8s.aws/"
)

func podsWithoutGate(f *Facts) (out []Finding) {
	pods := podsOf(f)
	for _, b := range bindings(f) {
		ns, ok := f.Objects.Get(objects.Namespace, "", b.Namespace)
		if !ok || ns.GetLabels()[gateLabel] != "enabled" || b.Spec.TargetType == nil ||
			*b.Spec.TargetType != v1beta1.TargetTypeIP {
			continue
		}
		var without []string
		for _, e := range endpoints(f, b, pods) {
			if e.pod != nil && !slices.ContainsFunc(e.pod.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool {
				return strings.HasPrefix(string(g.ConditionType), gatePrefix)
			}) {
				without = append(without, e.pod.Name)
			}
		}
		if len(without) > 0 {
			out = append(out, Finding{Object: full("Service", b.Namespace, b.Spec.ServiceRef.Name),
				Text: count(len(without), "pod") + " without a readiness gate", Evidence: join("", without)})
		}
	}
	return out
}

func abruptPods(f *Facts) (out []Finding) {
	seen, pods := map[string]bool{}, podsOf(f)
	for _, b := range bindings(f) {
		object, needed := full("Service", b.Namespace, b.Spec.ServiceRef.Name), f.Drains[[2]string{b.Namespace, b.Name}]
		for _, e := range endpoints(f, b, pods) {
			if e.pod == nil || seen[object] || b.Spec.TargetType == nil || *b.Spec.TargetType != v1beta1.TargetTypeIP {
				continue
			}
			if _, declared := e.pod.Annotations[drain.SecondsAnnotation]; declared {
				continue
			}
			if how, abrupt := drain.Abrupt(e.pod, needed); abrupt {
				seen[object] = true
				out = append(out, Finding{Object: object, Evidence: []string{"Pod " + e.pod.Name},
					Text: fmt.Sprintf("its pods end early: %s, and load balancers may send requests for %d seconds after a pod "+
						"is asked to end", how, needed)})
			}
		}
	}
	return out
}

// enoughToShare is how many load balancers might be one before that is worth a note.
const enoughToShare = 3

func shareable(f *Facts) (out []Finding) {
	of := groups{}
	for _, i := range ingresses(f) {
		if i.Spec.IngressClassName == nil || i.Annotations[string(annotation.GroupName)] != "" ||
			!slices.Contains(i.Finalizers, owner.Of(stack.Ingress).Finalizer) {
			continue
		}
		of.add(fmt.Sprintf("Ingresses of class %s and %s scheme in namespace %s", *i.Spec.IngressClassName,
			schemeOf(i, annotation.Scheme), i.Namespace), i.Name)
	}
	used := map[string]bool{}
	for _, s := range list[*corev1.Service](f, objects.Service) {
		if s.Annotations[string(annotation.ServiceGroupName)] != "" || !slices.Contains(s.Finalizers,
			owner.Of(stack.Service).Finalizer) {
			continue
		}
		group := fmt.Sprintf("Services with ports of their own and %s scheme in namespace %s",
			schemeOf(s, annotation.ServiceScheme), s.Namespace)
		at := func(p corev1.ServicePort) string { return fmt.Sprintf("%s %d", group, p.Port) }
		if slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return used[at(p)] }) {
			continue // AWS has one listener for a number
		}
		for _, p := range s.Spec.Ports {
			used[at(p)] = true
		}
		of.add(group, s.Name)
	}
	for _, group := range slices.Sorted(maps.Keys(of)) {
		if names := of[group]; len(names) >= enoughToShare {
			out = append(out, Finding{Object: group, Text: fmt.Sprintf("%d of them have a load balancer each", len(names)),
				Evidence: join("", names)})
		}
	}
	return out
}

// groups are names of objects by what they have in common.
type groups map[string][]string

func (g groups) add(group, name string) { g[group] = append(g[group], name) }

func schemeOf(o metav1.Object, key annotation.Key) string {
	return cmp.Or(o.GetAnnotations()[string(key)], "default")
}
