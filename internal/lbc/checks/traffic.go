package checks

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var trafficChecks = []Check{{
	Name: "targets-unhealthy", Severity: doctor.Warning, Needs: []doctor.Source{doctor.TargetHealth},
	About: "Registered targets of a target group are unhealthy. The evidence has AWS's reason for at most five of these " +
		"targets. The severity is error if no target of the target group is healthy.",
	Remedy: "for reason Target.FailedHealthChecks or Target.ResponseCodeMismatch, correct path, port or success codes " +
		"of the health check; for reason Target.Timeout, admit the load balancer in the security group of pods or nodes",
	Find: unhealthyTargets,
}, {
	Name: "zone-uncovered", Severity: doctor.Warning, Needs: []doctor.Source{doctor.TargetHealth},
	About:  "Targets are in a zone that is not enabled for the load balancer: these targets get no requests.",
	Remedy: "add a subnet of the zone to the load balancer, or do not run the pods in this zone",
	Find:   uncoveredZones,
}, {
	Name: "endpoints-unregistered", Severity: doctor.Error,
	Needs: []doctor.Source{doctor.TargetHealth, doctor.Workloads, doctor.Objects},
	About: "Pods that have been ready for more than half a minute are not registered in the target group of their " +
		"TargetGroupBinding. If the targets are nodes, the finding means that no node is registered in the target group.",
	Remedy: "check that the controller runs and has a leader, and read the events of the TargetGroupBinding",
	Find:   unregisteredEndpoints,
}, {
	Name: "targets-absent", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Objects},
	Uses: []doctor.Source{doctor.TargetHealth, doctor.Workloads},
	About: "The target group of a TargetGroupBinding has no targets, so requests get 503. Either the Service is of type " +
		"ExternalName. Or the Service has no ready pods, and the TargetGroupBinding is more than a minute old.",
	Remedy: "compare the selector of the Service with the labels of the pods, and read why the pods are not ready: " +
		"kubectl describe pod",
	Find: absentTargets,
}, {
	Name: "termination-abrupt", Severity: doctor.Note, Needs: []doctor.Source{doctor.Workloads, doctor.Objects},
	About: "The termination grace period or the preStop sleep of pods is shorter than the time in which load balancers " +
		"may send requests to these pods. Requests that arrive after a pod has ended get 502 or 504, or fail. For an " +
		"Application Load Balancer, the time is 15 seconds plus the declared deregistration delay. If no delay is " +
		"declared, 30 seconds count as the delay. For a Network Load Balancer, the time is 180 seconds, or the declared " +
		"deregistration delay if the delay is longer.",
	Remedy: "label the namespace elbv2.k8s.aws/pod-drain-inject=enabled and recreate the pods; or set " +
		"lifecycle.preStop.sleep.seconds and a longer terminationGracePeriodSeconds in the pods; if requests are short, " +
		"declare a short deregistration delay",
	Find: abruptPods,
}}

// States of targets, and a reason.
const (
	healthy  = "healthy"
	draining = "draining"
	notInUse = "Target.NotInUse"
)

// bad reports whether a target gets no requests because of its health.
func bad(t Target) bool { return t.State == "unhealthy" || t.State == "unavailable" }

func unhealthyTargets(f *Facts) (out []doctor.Finding) {
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
		x := doctor.Finding{Object: "target group " + g.Name, Text: fmt.Sprintf("%d of %d targets are unhealthy", len(ill),
			len(g.Targets)), Evidence: ill[:min(len(ill), 5)]}
		if len(ill) > 5 {
			x.Evidence = append(x.Evidence, fmt.Sprintf("and %d more", len(ill)-5))
		}
		if well == 0 {
			x.Severity = doctor.Error
		}
		out = append(out, x)
	}
	return out
}

func uncoveredZones(f *Facts) (out []doctor.Finding) {
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
			out = append(out, doctor.Finding{Object: "target group " + g.Name, Text: doctor.Count(len(idle), "target") +
				" in zones that are not enabled for the load balancer", Evidence: doctor.Evidence("", idle)})
		}
	}
	return out
}

// targetGroups are the target groups by ARN.
func targetGroups(f *Facts) map[string]*TargetGroup {
	all := make(map[string]*TargetGroup, len(f.TargetGroups))
	for i := range f.TargetGroups {
		all[f.TargetGroups[i].ARN] = &f.TargetGroups[i]
	}
	return all
}

// registering is how long a ready pod may take to be registered.
const registering = 30 * time.Second

func unregisteredEndpoints(f *Facts) (out []doctor.Finding) {
	ready, groups := f.ReadyEndpoints(), targetGroups(f)
	for _, b := range f.Bindings() {
		g := groups[b.Spec.TargetGroupARN]
		if g == nil || b.Spec.TargetType == nil {
			continue
		}
		var missing []string
		all := ready.Of(b)
		// the controller reports why endpoints without pods are not targets
		if *b.Spec.TargetType == v1beta1.TargetTypeIP {
			all = slices.DeleteFunc(all, func(e doctor.Endpoint) bool { return e.Pod == nil })
		}
		for _, e := range all {
			if e.Pod != nil && f.Now.Sub(readySince(e.Pod)) < registering {
				continue
			}
			registered := slices.ContainsFunc(g.Targets, func(t Target) bool {
				return t.ID == e.Address && t.State != draining
			})
			if *b.Spec.TargetType == v1beta1.TargetTypeIP && !registered {
				missing = append(missing, e.Address)
			}
		}
		x := doctor.Finding{Object: doctor.NameOf(b),
			Text: fmt.Sprintf("%d of %d ready endpoints are not registered in target group %s",
				len(missing), len(all), g.Name), Evidence: doctor.Evidence("", missing)}
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
func absentTargets(f *Facts) (out []doctor.Finding) {
	_, unread := f.Unread[doctor.Workloads]
	groups, ready := targetGroups(f), f.ReadyEndpoints()
	for _, b := range f.Bindings() {
		x := doctor.Finding{Object: doctor.NameOf(b)}
		o, _ := f.Objects.Get(objects.Service, b.Namespace, b.Spec.ServiceRef.Name)
		if svc, ok := o.(*corev1.Service); ok {
			x.Text, x.Remedy = serviceport.WithoutEndpoints(svc)
		}
		g := groups[b.Spec.TargetGroupARN]
		if x.Text == "" && !unread && g != nil && len(g.Targets) == 0 &&
			f.Now.Sub(b.CreationTimestamp.Time) > time.Minute && len(ready.Of(b)) == 0 {
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

func abruptPods(f *Facts) (out []doctor.Finding) {
	seen, ready := map[string]bool{}, f.ReadyEndpoints()
	for _, b := range f.Bindings() {
		object := doctor.FullName("Service", b.Namespace, b.Spec.ServiceRef.Name)
		needed := f.Drains[[2]string{b.Namespace, b.Name}]
		for _, e := range ready.Of(b) {
			if e.Pod == nil || seen[object] || b.Spec.TargetType == nil || *b.Spec.TargetType != v1beta1.TargetTypeIP {
				continue
			}
			if _, declared := e.Pod.Annotations[drain.SecondsAnnotation]; declared {
				continue
			}
			if how, abrupt := drain.Abrupt(e.Pod, needed); abrupt {
				seen[object] = true
				out = append(out, doctor.Finding{Object: object, Evidence: []string{"Pod " + e.Pod.Name},
					Text: fmt.Sprintf("its pods end early: %s, and load balancers may send requests for %d seconds after a pod "+
						"is asked to end", how, needed)})
			}
		}
	}
	return out
}
