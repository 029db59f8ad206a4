package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var controllerChecks = []Check{{
	Name: "controller-absent", Severity: doctor.Error,
	Needs: []doctor.Source{doctor.Controller, doctor.Objects, doctor.Webhooks}, Skip: controllerElsewhere,
	About: "The cluster has no Deployment of the controller. The severity is note if no object has the controller's " +
		"finalizers, for example before the installation. Otherwise the severity is error, because the deletion of objects " +
		"with these finalizers cannot end without a controller. If webhooks of the controller remain in the cluster, " +
		"webhook-service-missing or webhook-no-endpoints reports the webhooks.",
	Remedy: "install the controller; to remove the controller for good, first delete the objects that the controller " +
		"serves, while the controller runs; then delete the controller, and last its webhook configurations",
	Find: absentController,
}, {
	Name: "controller-unready", Severity: doctor.Error,
	Needs: []doctor.Source{doctor.Controller}, Skip: withoutDeployment,
	About: "Pods of the controller are missing or not ready. The severity is warning if at least one pod is ready. The " +
		"evidence has the reason for each pod that is not ready.",
	Remedy: "read the log of the pod: kubectl logs -n NAMESPACE POD --previous",
	Find:   unreadyControllers,
}, {
	Name: "controller-flags", Severity: doctor.Error, Needs: []doctor.Source{doctor.Controller}, Skip: withoutDeployment,
	About:  "The controller does not start with the arguments of its Deployment.",
	Remedy: "correct the arguments of the container, or the chart values that set these arguments",
	Find: func(f *Facts) (out []doctor.Finding) {
		for _, d := range f.Controllers {
			if d.Problem != "" {
				out = append(out, doctor.Finding{Object: d.String(), Text: d.Problem})
			}
		}
		return out
	},
}, {
	Name: "controller-duplicate", Severity: doctor.Error, Needs: []doctor.Source{doctor.Controller},
	About: "Two controllers serve the same objects: there are several Deployments, or several Leases are being renewed. " +
		"The controllers undo each other's changes. For example, the AWS Load Balancer Controller v3.5 still runs after " +
		"you have installed this controller.",
	Remedy: "delete all installations except one; several replicas of one Deployment are not the cause, because they " +
		"share one Lease",
	Find: duplicateControllers,
}, {
	Name: "controller-leaderless", Severity: doctor.Error, Needs: []doctor.Source{doctor.Controller},
	About: "No controller renews the Lease of the leader, so no controller creates or updates load balancers.",
	Remedy: "check that pods of the controller run and may update the Lease, and that no other process is the holder of " +
		"this Lease",
	Find: leaderlessControllers,
}, {
	Name: "leader-unstable", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Controller, doctor.Events},
	About: "According to the events of the leader's Lease, the leader has changed more than three times within 15 " +
		"minutes. Or a pod of the controller has restarted more than three times, on average at least once every five " +
		"minutes. For about 20 seconds after each change of the leader, no edit of an object reaches AWS. The evidence " +
		"says why the containers ended, and how often the holder of the Lease has changed since the Lease was created.",
	Remedy: "find out why the processes end: kubectl logs -n NAMESPACE POD --previous; check the memory limits, the " +
		"nodes, and whether the API server answers in time",
	Find: unstableLeaders,
}, {
	Name: "status-unattended", Severity: doctor.Warning, Needs: []doctor.Source{doctor.Controller},
	About: "[LoadBalancer objects](operations/observing.md#status-of-each-load-balancer) (custom resources that show " +
		"the state of each load balancer) are out of date, because no controller updates these objects. No process renews " +
		"the Lease of the leader, or the leader is the AWS Load Balancer Controller v3.5, which does not write these " +
		"objects. kubectl wait --for=condition=Ready may succeed although the state is old.",
	Remedy: "start the controller again; or, if you have removed the controller for good, delete the LoadBalancer " +
		"objects, which deletes nothing in AWS: kubectl delete loadbalancers.elbv2.k8s.aws -A --all",
	Find: unattendedStatuses,
}, {
	Name: "controller-single", Severity: doctor.Note, Needs: []doctor.Source{doctor.Controller}, Skip: withoutDeployment,
	About: "The controller has one replica. While its pod moves to another node, the controller registers no target " +
		"and webhooks do not answer.",
	Remedy: "run two replicas",
	Find: func(f *Facts) (out []doctor.Finding) {
		for _, d := range f.Controllers {
			if d.Wanted == 1 {
				out = append(out, doctor.Finding{Object: d.String(), Text: "there is one replica"})
			}
		}
		return out
	},
}, {
	Name: "identity-not-injected", Severity: doctor.Error,
	Needs: []doctor.Source{doctor.Controller}, Skip: withoutDeployment,
	About: "An annotation of the controller's service account names a role, but pods of the controller do not have " +
		"credentials of this role. The pods are older than the annotation, or the webhook of EKS did not inject the " +
		"credentials.",
	Remedy: "restart the pods: kubectl rollout restart deployment -n NAMESPACE NAME",
	Find:   podsWithoutIdentity,
}, {
	Name: "imds-unreachable", Severity: doctor.Error, Needs: []doctor.Source{doctor.Controller, doctor.Instances},
	About: "The controller takes the region, the VPC or credentials from the instance metadata service. But pods cannot " +
		"reach this service, because the hop limit of the nodes' instances is 1. The severity is note while there is no " +
		"controller.",
	Remedy: "set --aws-region and --aws-vpc-id (chart values region and vpcId), and give the service account a role; or " +
		"raise the hop limit: aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2",
	Find: unreachableMetadata,
}}

func withoutDeployment(f *Facts) string {
	if len(f.Controllers) == 0 {
		return "there is no Deployment of the controller"
	}
	return ""
}

// controllerElsewhere is set where there is no Deployment and webhooks are called at a URL, as in the playground.
func controllerElsewhere(f *Facts) string {
	if len(f.Controllers) == 0 && slices.ContainsFunc(f.Hooks, func(h Hook) bool { return h.URL != "" }) {
		return "the webhooks have a URL: the controller runs outside the cluster"
	}
	return ""
}

func absentController(f *Facts) []doctor.Finding {
	if len(f.Controllers) > 0 {
		return nil
	}
	x := doctor.Finding{Severity: doctor.Note, Object: "controller",
		Text: "there is no Deployment of the controller; it is not installed"}
	var waiting []string
	for _, o := range f.Owners() {
		if len(doctor.Finalizers(o)) > 0 {
			waiting = append(waiting, doctor.NameOf(o))
		}
	}
	if len(waiting) > 0 {
		x.Severity, x.Text = doctor.Error, "there is no Deployment of the controller, and objects carry its finalizers"
		x.Evidence = doctor.Evidence("", waiting)
	}
	return []doctor.Finding{x}
}

func unreadyControllers(f *Facts) (out []doctor.Finding) {
	for _, d := range f.Controllers {
		if d.Ready >= d.Wanted && d.Wanted > 0 {
			continue
		}
		x := doctor.Finding{Object: d.String(), Text: fmt.Sprintf("%d of %d replicas are ready", d.Ready, d.Wanted)}
		if d.Ready > 0 {
			x.Severity = doctor.Warning
		}
		for _, p := range d.Pods {
			if p.Problem != "" {
				x.Evidence = append(x.Evidence, "Pod "+p.Name+": "+p.Problem)
			}
		}
		out = append(out, x)
	}
	return out
}

// live is how long ago a lease may have been renewed that is held by a running process.
const live = time.Minute

// separate reports whether each controller watches one namespace, and no two of them the same.
func separate(all []Deployment) bool {
	watched := map[string]bool{"": true}
	for _, d := range all {
		if watched[d.Watches] {
			return false
		}
		watched[d.Watches] = true
	}
	return true
}

func duplicateControllers(f *Facts) (out []doctor.Finding) {
	if separate(f.Controllers) && len(f.Controllers) > 1 {
		return nil
	}
	if n := len(f.Controllers); n > 1 {
		x := doctor.Finding{Object: f.Controllers[1].String(),
			Text: fmt.Sprintf("there are %d Deployments of the controller", n)}
		for _, d := range f.Controllers {
			x.Evidence = append(x.Evidence, d.String()+" with image "+d.Image)
		}
		out = append(out, x)
	}
	var held []Lease
	for _, l := range f.Leases {
		if l.Holder != "" && f.Now.Sub(l.Renewed) < live {
			held = append(held, l)
		}
	}
	if len(held) > 1 {
		x := doctor.Finding{Object: held[1].String(),
			Text: fmt.Sprintf("%d leases of leaders are being renewed", len(held))}
		for _, l := range held {
			x.Evidence = append(x.Evidence, fmt.Sprintf("%s is held by %s", l, l.Holder))
		}
		out = append(out, x)
	}
	return out
}

func leaderlessControllers(f *Facts) []doctor.Finding {
	held := func(l Lease) bool { return l.Holder != "" && f.Now.Sub(l.Renewed) < live }
	unelected := func(d Deployment) bool { return d.Unelected } // the Leases are those of former processes
	if len(f.Leases) == 0 || slices.ContainsFunc(f.Leases, held) || slices.ContainsFunc(f.Controllers, unelected) {
		return nil
	}
	last := slices.MaxFunc(f.Leases, func(a, b Lease) int { return a.Renewed.Compare(b.Renewed) })
	text := "was last renewed " + doctor.Age(f.Now.Sub(last.Renewed)) + " ago by " + last.Holder
	if last.Holder == "" {
		text = "has had no holder for " + doctor.Age(f.Now.Sub(last.Renewed))
	}
	return []doctor.Finding{{Object: last.String(), Text: text}}
}

const (
	// electionWindow and electionsMost are those of the alert LBCLeaderUnstable.
	electionWindow = 15 * time.Minute
	electionsMost  = 3
)

func unstableLeaders(f *Facts) (out []doctor.Finding) {
	restarts := restartsOf(f)
	for _, l := range f.Leases {
		times, evidence := l.elected(f.Now)
		if times > electionsMost {
			out = append(out, doctor.Finding{Object: l.String(), Text: fmt.Sprintf("the leader has changed %d times within %s",
				times, doctor.Age(electionWindow)), Evidence: slices.Concat(evidence, l.transitions(f.Now), restarts)})
		}
	}
	if len(out) > 0 {
		return out
	}
	var leases []string
	for _, l := range f.Leases {
		leases = append(leases, l.transitions(f.Now)...)
	}
	for _, d := range f.Controllers {
		for _, p := range d.Pods {
			if p.restartsOften(f.Now) {
				out = append(out, doctor.Finding{Object: d.String(), Text: fmt.Sprintf("Pod %s has restarted %d times in %s",
					p.Name, p.Times, doctor.Age(f.Now.Sub(p.Started))), Evidence: slices.Concat(leases, restarts)})
			}
		}
	}
	return out
}

// restartsOften reports whether a pod has restarted as often as leaders may change, on average over its life, and also
// just now.
func (p Pod) restartsOften(now time.Time) bool {
	return p.Times > electionsMost && now.Sub(p.Ended) <= electionWindow &&
		now.Sub(p.Started) <= time.Duration(p.Times)*electionWindow/electionsMost
}

// transitions is the evidence of how often the holder of a Lease has changed; none if it never did.
func (l Lease) transitions(now time.Time) []string {
	if l.Transitions == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: its holder has changed %d times since its creation, %s ago", l, l.Transitions,
		doctor.Age(now.Sub(l.Created)))}
}

// restartsOf are the restarts of the controller's pods as evidence.
func restartsOf(f *Facts) (out []string) {
	for _, d := range f.Controllers {
		for _, p := range d.Pods {
			if p.Restarts != "" {
				out = append(out, "Pod "+p.Name+": "+p.Restarts)
			}
		}
	}
	return out
}

// elected is how often processes took a Lease within the window, and when.
func (l Lease) elected(now time.Time) (times int, evidence []string) {
	for _, e := range l.Elections {
		switch {
		case now.Sub(e.Last) > electionWindow:
			continue
		case now.Sub(e.First) > electionWindow: // when the others were is not known
			times++
		default:
			times += max(e.Times, 1)
		}
		evidence = append(evidence, doctor.Age(now.Sub(e.Last))+" ago: "+e.Text)
	}
	return times, evidence
}

func podsWithoutIdentity(f *Facts) (out []doctor.Finding) {
	for _, d := range f.Controllers {
		var without []string
		for _, p := range d.Pods {
			if !p.Identity {
				without = append(without, p.Name)
			}
		}
		if d.Role != "" && len(without) > 0 {
			out = append(out, doctor.Finding{Object: d.String(), Text: "pods have no credentials of role " + d.Role,
				Evidence: doctor.Evidence("", without)})
		}
	}
	return out
}

func unreachableMetadata(f *Facts) []doctor.Finding {
	var near []string
	for _, i := range f.Instances {
		if i.HopLimit == 1 {
			near = append(near, i.Node+" ("+i.ID+")")
		}
	}
	if len(near) == 0 {
		return nil
	}
	if len(f.Controllers) == 0 {
		return []doctor.Finding{{Severity: doctor.Note, Object: "nodes",
			Text: "pods of these nodes cannot reach the instance metadata " +
				"service, so the controller needs a region, a VPC and a role", Evidence: doctor.Evidence("", near)}}
	}
	var out []doctor.Finding
	for _, d := range f.Controllers {
		identity := len(d.Pods) > 0 && !slices.ContainsFunc(d.Pods, func(p Pod) bool { return !p.Identity })
		if !d.HostNetwork && (d.AsksInstance || !identity) {
			out = append(out, doctor.Finding{Object: d.String(),
				Text: "takes the region, the VPC or credentials from the instance " +
					"metadata service, which pods of nodes cannot reach", Evidence: doctor.Evidence("", near)})
		}
	}
	return out
}

func unattendedStatuses(f *Facts) []doctor.Finding {
	if len(f.Shown) == 0 || slices.ContainsFunc(f.Leases, func(l Lease) bool { return !Abandoned(l, f.Now) }) ||
		!slices.ContainsFunc(f.Shown, elected) {
		return nil
	}
	ready := 0
	var names []string
	for _, s := range f.Shown {
		names = append(names, s.String())
		if s.Ready {
			ready++
		}
	}
	x := doctor.Finding{Object: f.Shown[0].String(),
		Text: fmt.Sprintf("no controller updates %d LoadBalancer objects, and %d "+
			"of them still show Ready", len(names), ready)}
	for _, l := range f.Leases {
		x.Evidence = append(x.Evidence, Why(l, f.Now))
	}
	x.Evidence = append(x.Evidence, doctor.Evidence("", names)...)
	return []doctor.Finding{x}
}

// elected reports whether the writer of an object elects its leader by a Lease.
func elected(s Shown) bool { return strings.HasPrefix(s.Writer, "Lease ") }
