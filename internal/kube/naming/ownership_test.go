package naming

import (
	"maps"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func join(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

func TestStackOfBelievesNoForeignTag(t *testing.T) {
	t.Parallel()
	const cluster, arn = "demo", "arn:aws:elasticloadbalancing:eu-west-1:1:"
	ing := func(id, resource string) map[string]string { return Tracking(stack.Ingress, cluster, id, resource) }
	svc := func(id, resource string) map[string]string { return Tracking(stack.Service, cluster, id, resource) }
	alb := func(id, resource string) map[string]string {
		return Tracking(stack.GatewayALB, cluster, id, resource)
	}
	vic, lb := stack.ID{Namespace: "vic", Name: "web"}, stack.LoadBalancerIdentity
	group := IngressSecurityGroup(cluster, vic)
	for _, c := range []struct {
		what, resource string
		tags           map[string]string
		want           string // key of the stack; empty = nobody's
	}{
		{"one stack", "", ing("vic/web", lb), "ingress.k8s.aws:vic/web"},
		{"one stack, any name", arn + "loadbalancer/app/edge/1", ing("vic/web", lb), "ingress.k8s.aws:vic/web"},
		{"a Service's NLB with tags of an Ingress", arn + "loadbalancer/net/edge/1",
			join(ing("vic/web", lb), svc("mal/x", lb)), "service.k8s.aws:mal/x"},
		{"an Ingress's ALB with tags of a Service", arn + "loadbalancer/app/edge/1",
			join(ing("vic/web", lb), svc("mal/x", lb)), "ingress.k8s.aws:vic/web"},
		{"a Service's NLB with tags of a frontend", arn + "loadbalancer/net/edge/1", join(ing("vic/web", "FrontendNlb"),
			svc("mal/x", lb)), ""},
		{"an ALB of two kinds by name", arn + "loadbalancer/app/" + IngressLoadBalancer(cluster, vic, "internal") + "/1",
			join(ing("vic/web", lb), alb("mal/gw", lb)), "ingress.k8s.aws:vic/web"},
		{"an ALB of two kinds by any name", arn + "loadbalancer/app/edge/1", join(ing("vic/web", lb), alb("mal/gw", lb)), ""},
		{"a Gateway's ALB with tags of an Ingress", arn + "loadbalancer/app/" + GatewayLoadBalancer(cluster,
			stack.ID{Namespace: "mal", Name: "gw"}, "uid", "internal") + "/1", join(ing("vic/web", lb), alb("mal/gw", lb)),
			"gateway.k8s.aws.alb:mal/gw"},
		{"a Service's group with tags of an Ingress", ServiceSecurityGroup(cluster, stack.ID{Namespace: "mal", Name: "x"},
			"uid"), join(ing("vic/web", "ManagedLBSecurityGroup"), svc("mal/x", "ManagedLBSecurityGroup")),
			"service.k8s.aws:mal/x"},
		{"an Ingress's group with tags of a Service", group, join(ing("vic/web", "ManagedLBSecurityGroup"),
			svc("mal/x", "ManagedLBSecurityGroup")), "ingress.k8s.aws:vic/web"},
		{"a second group", NthSecurityGroup(group, 2), join(ing("vic/web", "ManagedLBSecurityGroup-2"),
			svc("mal/x", "ManagedLBSecurityGroup")), "ingress.k8s.aws:vic/web"},
		{"a group of two kinds by any name", "edge", join(ing("vic/web", "ManagedLBSecurityGroup"),
			svc("mal/x", "ManagedLBSecurityGroup")), ""},
		{"a group of two kinds without a name", "", join(ing("vic/web", "ManagedLBSecurityGroup"),
			svc("mal/x", "ManagedLBSecurityGroup")), ""},
		{"a Service's target group with tags of an Ingress", arn + "targetgroup/k8s-mal-x-0123456789/1",
			join(ing("vic/web", "vic/web-app:80"), svc("mal/x", "mal/x:80")), "service.k8s.aws:mal/x"},
		{"a target group with tags of a load balancer", arn + "targetgroup/k8s-vic-app-0123456789/1",
			join(ing("vic/web", "vic/web-app:80"), svc("vic/db", lb)), "ingress.k8s.aws:vic/web"},
		{"a target group with tags of another Service", arn + "targetgroup/k8s-vic-app-0123456789/1",
			join(ing("vic/web", "vic/web-app:80"), svc("vic/db", "vic/db:80")), "ingress.k8s.aws:vic/web"},
		{"a load balancer with tags of a security group", arn + "loadbalancer/app/edge/1",
			join(ing("vic/web", lb), alb("vic/gw", "ManagedLBSecurityGroup")), "ingress.k8s.aws:vic/web"},
		{"a security group with tags of a load balancer", "edge", join(ing("vic/web", "ManagedLBSecurityGroup"),
			svc("vic/db", lb)), "ingress.k8s.aws:vic/web"},
		{"a target group of two kinds that both fit", arn + "targetgroup/k8s-vic-app-0123456789/1",
			join(ing("vic/web", "vic/web-app:80"), svc("vic/app", "vic/app:80")), ""},
		{"a route's target group with tags of a Service", arn + "targetgroup/k8s-mal-route-0123456789/1",
			join(alb("mal/gw", "mal/gw:mal-route:HTTPRoute-mal-app:80"), svc("vic/app", "vic/app:80")),
			"gateway.k8s.aws.alb:mal/gw"},
		{"a certificate with tags of a Service", "arn:aws:acm:eu-west-1:1:certificate/1",
			join(ing("vic/web", "x"), svc("mal/x", "x")), "ingress.k8s.aws:vic/web"},
		{"a certificate of two kinds", "arn:aws:acm:eu-west-1:1:certificate/1", join(ing("vic/web", "x"), alb("mal/gw", "x")),
			""},
		{"an accelerator's tag beside", "", join(ing("vic/web", lb), map[string]string{"aga.k8s.aws/stack": "mal/a",
			"aga.k8s.aws/resource": "GlobalAccelerator"}), "ingress.k8s.aws:vic/web"},
		{"a stack without a resource beside", "", join(ing("vic/web", lb), map[string]string{
			"service.k8s.aws/stack": "mal/x"}), "ingress.k8s.aws:vic/web"},
		{"the tag of the backend group beside", "", join(ing("vic/web", lb), map[string]string{
			BackendResourceTag: stack.BackendSecurityGroup}), "ingress.k8s.aws:vic/web"},
		{"the first controller's cluster", "", map[string]string{LegacyClusterTag: cluster,
			"ingress.k8s.aws/stack": "vic/web", "ingress.k8s.aws/resource": lb}, "ingress.k8s.aws:vic/web"},
		{"another cluster whose user names this one", "", join(Tracking(stack.Ingress, "other", "vic/web", lb),
			map[string]string{LegacyClusterTag: cluster}), ""},
	} {
		key, _, ok := StackOf(cluster, c.resource, c.tags)
		got := key.String()
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s: belongs to %q, want %q", c.what, got, c.want)
		}
	}
}

func TestBackendGroupNeedsMoreThanTags(t *testing.T) {
	t.Parallel()
	const cluster = "demo"
	right, name := BackendTracking(cluster), BackendSecurityGroup(cluster)
	for _, c := range []struct {
		what, name, description string
		tags                    map[string]string
		want                    bool
	}{
		{"by name", name, "any", right, true},
		{"by description", "any", BackendSecurityGroupDescription, right, true},
		{"with tags of users", name, BackendSecurityGroupDescription, join(right, map[string]string{"Team": "web"}), true},
		{"by tags alone", "k8s-mal-x-0123456789", ManagedSecurityGroupDescription, right, false},
		{"with the tags of a stack", name, BackendSecurityGroupDescription,
			join(right, Tracking(stack.Ingress, cluster, "mal/x", "ManagedLBSecurityGroup")), false},
		{"with a stack only", name, BackendSecurityGroupDescription,
			join(right, map[string]string{"service.k8s.aws/stack": "mal/x"}), false},
		{"with a resource only", name, BackendSecurityGroupDescription,
			join(right, map[string]string{"gateway.k8s.aws.alb/resource": "x"}), false},
		{"with the stack of an accelerator", name, BackendSecurityGroupDescription,
			join(right, map[string]string{"aga.k8s.aws/stack": "mal/x"}), false},
		{"of another cluster", name, BackendSecurityGroupDescription, BackendTracking("other"), false},
		{"without tags", name, BackendSecurityGroupDescription, nil, false},
	} {
		if got := IsBackendGroup(cluster, c.name, c.description, c.tags); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
