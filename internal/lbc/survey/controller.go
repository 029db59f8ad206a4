package survey

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
)

const (
	nameLabel      = "app.kubernetes.io/name"
	chartLabel     = "helm.sh/chart"
	controllerName = "aws-load-balancer-controller"
	leaseName      = "aws-load-balancer-controller-leader"
	roleAnnotation = "eks.amazonaws.com/role-arn"
)

// controllerNames are the names that this controller and its predecessors have as charts, images and containers, and
// the values of nameLabel on their Deployments unless value nameOverride is set.
var controllerNames = []string{controllerName, "aws-alb-ingress-controller", "alb-ingress-controller"}

func (r *reader) controllers(ctx context.Context, s state) (put, error) {
	listed := &appsv1.DeploymentList{}
	if err := s.client.List(ctx, listed); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(listed.Items, func(d appsv1.Deployment) bool { return !isController(&d) })
	var all []checks.Deployment
	var configs []*config.Config
	names := []string{leaseName}
	for i := range found {
		d, c, err := deployment(ctx, s.client, &found[i])
		if err != nil {
			return nil, err
		}
		all, configs = append(all, d), append(configs, c)
		if lease, _ := electionOf(&found[i]); !slices.Contains(names, lease.Name) {
			names = append(names, lease.Name)
		}
	}
	shown := shownObjects(ctx, s.client)
	leases, err := leasesOf(ctx, s.client, withWriters(names, shown))
	if err != nil {
		return nil, err
	}
	return func(s *state) {
		s.deployments, s.configs, s.facts.Controllers, s.facts.Leases, s.facts.Shown = found, configs, all, leases, shown
		c := r.settings(*s)
		s.facts.Settings.Cluster, s.facts.Settings.Region, s.facts.Settings.VPC = c.ClusterName, c.Region, c.VPC
	}, nil
}

// isController reports whether a Deployment runs the controller or one of its predecessors, whatever its name and
// namespace: by the label that names it, the chart that it is of, or the name or image of a container.
func isController(d *appsv1.Deployment) bool {
	if slices.Contains(controllerNames, d.Labels[nameLabel]) || strings.HasPrefix(d.Labels[chartLabel],
		controllerName+"-") {
		return true
	}
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool {
		return slices.Contains(controllerNames, c.Name) || slices.Contains(controllerNames, repository(c.Image))
	})
}

// repository is the last part of the name of an image, without tag and digest.
func repository(image string) string {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// electionOf is the Lease by which the pods of a Deployment elect their leader, and whether they do.
func electionOf(d *appsv1.Deployment) (lease client.ObjectKey, elects bool) {
	lease, elects = ElectionOf(container(&d.Spec.Template.Spec).Args)
	lease.Namespace = cmp.Or(lease.Namespace, d.Namespace)
	return lease, elects
}

// container is that of the controller in a pod.
func container(spec *corev1.PodSpec) corev1.Container {
	for _, c := range spec.Containers {
		if c.Name == "controller" || slices.Contains(controllerNames, c.Name) {
			return c
		}
	}
	if len(spec.Containers) == 0 {
		return corev1.Container{}
	}
	return spec.Containers[0]
}

func deployment(ctx context.Context, k client.Client, of *appsv1.Deployment) (checks.Deployment,
	*config.Config, error) {
	spec := &of.Spec.Template.Spec
	c := container(spec)
	d := checks.Deployment{Namespace: of.Namespace, Name: of.Name, Image: c.Image, Wanted: 1,
		Ready: of.Status.ReadyReplicas, HostNetwork: spec.HostNetwork}
	if of.Spec.Replicas != nil {
		d.Wanted = *of.Spec.Replicas
	}
	_, elects := electionOf(of)
	d.Unelected = !elects
	parsed, err := config.Parse(c.Args)
	if err != nil {
		d.Problem = err.Error()
	} else {
		d.Watches = parsed.WatchNamespace
		d.AsksInstance = parsed.Region == "" && !hasEnv(c, "AWS_REGION", "AWS_DEFAULT_REGION") || parsed.VPC == "" &&
			len(parsed.VPCTags) == 0
	}
	account := &corev1.ServiceAccount{}
	err = k.Get(ctx, client.ObjectKey{Namespace: of.Namespace, Name: cmp.Or(spec.ServiceAccountName, "default")}, account)
	if err != nil && !apierrors.IsNotFound(err) {
		return d, parsed, err
	}
	d.Role = account.Annotations[roleAnnotation]
	selector, err := metav1.LabelSelectorAsSelector(of.Spec.Selector)
	if err != nil {
		return d, parsed, err
	}
	pods := &corev1.PodList{}
	if err := k.List(ctx, pods, client.InNamespace(of.Namespace), client.MatchingLabelsSelector{
		Selector: selector}); err != nil {
		return d, parsed, err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		x := checks.Pod{
			Name: p.Name, Problem: podProblem(p), Started: p.CreationTimestamp.Time,
			Identity: hasEnv(container(&p.Spec), "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
				"AWS_ACCESS_KEY_ID"),
		}
		x.Times, x.Ended, x.Restarts = restarts(p)
		d.Pods = append(d.Pods, x)
	}
	return d, parsed, nil
}

func hasEnv(c corev1.Container, names ...string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return slices.Contains(names, e.Name) })
}

// restarts is how often the containers of a pod were started again, when and why the last one ended, and both as a
// text; empty = never.
func restarts(p *corev1.Pod) (n int, ended time.Time, text string) {
	times, why, last := int32(0), "", metav1.Time{}
	for _, c := range p.Status.ContainerStatuses {
		times += c.RestartCount
		if t := c.LastTerminationState.Terminated; t != nil && !t.FinishedAt.Before(&last) {
			last, why = t.FinishedAt, strings.TrimSpace(fmt.Sprintf(", last after exit status %d %s %s", t.ExitCode,
				t.Reason, t.Message))
		}
	}
	if times == 0 {
		return 0, time.Time{}, ""
	}
	return int(times), last.Time, fmt.Sprintf("restarts: %d%s", times, why)
}

// podProblem is why a pod is not ready; empty if it is.
func podProblem(p *corev1.Pod) string {
	var why []string
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			why = append(why, strings.TrimSpace(w.Reason+" "+w.Message))
		}
		for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil && !c.Ready {
				why = append(why, strings.TrimSpace(fmt.Sprintf("exit status %d %s %s", t.ExitCode, t.Reason, t.Message)))
			}
		}
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Status == corev1.ConditionTrue && c.Type == corev1.PodReady:
			return ""
		case c.Status == corev1.ConditionFalse && c.Type == corev1.PodScheduled:
			why = append(why, c.Message)
		}
	}
	if len(why) == 0 {
		return "is " + strings.ToLower(string(p.Status.Phase)) + " and not ready"
	}
	return strings.Join(why, "; ")
}

// shownObjects are the LoadBalancer objects; none where the kind is not served, or may not be listed.
func shownObjects(ctx context.Context, k client.Client) (out []checks.Shown) {
	list := &v1alpha1.LoadBalancerList{}
	if k.List(ctx, list) != nil {
		return nil
	}
	for i := range list.Items {
		x := &list.Items[i]
		out = append(out, checks.Shown{
			Namespace: x.Namespace, Name: x.Name, Writer: x.Status.Controller, Ready: meta.IsStatusConditionTrue(
				x.Status.Conditions, v1alpha1.ConditionReady),
		})
	}
	return out
}

// withWriters adds the names of the leases by which the writers of LoadBalancer objects lead. One of them may be of a
// process that is in no Deployment.
func withWriters(names []string, shown []checks.Shown) []string {
	for _, x := range shown {
		lease, elected := strings.CutPrefix(x.Writer, "Lease ")
		if _, name, _ := strings.Cut(lease, "/"); elected && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// leasesOf are the leases of leaders with these names in all namespaces.
func leasesOf(ctx context.Context, k client.Client, names []string) (out []checks.Lease, err error) {
	var all []coordinationv1.Lease
	for _, name := range names {
		l := &coordinationv1.LeaseList{}
		if err := k.List(ctx, l, client.MatchingFields{"metadata.name": name}); err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
	}
	for _, x := range all {
		l := LeaseOf(&x)
		l.Elections = elections(ctx, k, &x)
		out = append(out, l)
	}
	return out, nil
}

// LeaseOf returns what a Lease says.
func LeaseOf(l *coordinationv1.Lease) checks.Lease {
	out := checks.Lease{Namespace: l.Namespace, Name: l.Name, Created: l.CreationTimestamp.Time}
	if l.Spec.LeaseTransitions != nil {
		out.Transitions = int(*l.Spec.LeaseTransitions)
	}
	if l.Spec.HolderIdentity != nil {
		out.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		out.Renewed = l.Spec.RenewTime.Time
	}
	if l.Spec.LeaseDurationSeconds != nil {
		out.Duration = time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
	}
	return out
}

// elections are the events about processes that took a Lease. If events may not be read, source Events says so.
func elections(ctx context.Context, k client.Client, of *coordinationv1.Lease) (out []checks.Election) {
	l := &corev1.EventList{}
	selected := client.MatchingFields{"involvedObject.kind": "Lease", "involvedObject.name": of.Name}
	if err := k.List(ctx, l, client.InNamespace(of.Namespace), selected); err != nil {
		return nil
	}
	for i := range l.Items {
		e := &l.Items[i]
		if e.Reason == "LeaderElection" && strings.HasSuffix(e.Message, " became leader") {
			out = append(out, checks.Election{First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time, Times: int(e.Count),
				Text: e.Message})
		}
	}
	slices.SortFunc(out, func(a, b checks.Election) int { return a.Last.Compare(b.Last) })
	return out
}
