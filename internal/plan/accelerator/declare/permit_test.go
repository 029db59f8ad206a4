package declare

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestARNsOfOthersNeedAReferenceGrant has a tenant name the ARN of a load balancer, to open it to the internet by an
// accelerator.
func TestARNsOfOthersNeedAReferenceGrant(t *testing.T) {
	t.Parallel()
	const arn = prefix + "app/secret/50dc"
	grant := func(group, kind, from string, name ...gatewayv1.ObjectName) any {
		to := gatewayv1.ReferenceGrantTo{Group: gatewayv1.Group(group), Kind: gatewayv1.Kind(kind)}
		if len(name) > 0 {
			to.Name = &name[0]
		}
		return &gatewayv1beta1.ReferenceGrant{ObjectMeta: at("victim", "grant"), Spec: gatewayv1.ReferenceGrantSpec{
			From: []gatewayv1.ReferenceGrantFrom{{Group: "aga.k8s.aws", Kind: "GlobalAccelerator",
				Namespace: gatewayv1.Namespace(from)}},
			To: []gatewayv1.ReferenceGrantTo{to},
		}}
	}
	shows := func(finalizer, host string) any {
		o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine", Finalizers: []string{
			finalizer}}}
		if host != "" {
			o.Status = showing(host)
		}
		return o
	}
	member := func(finalizer string) any {
		return shows(finalizer, "internal-secret-1670420556.us-west-2.elb.amazonaws.com")
	}
	of := func(o stack.Owner, namespace, name string) stack.Key {
		return stack.Key{Owner: o, ID: stack.ID{Namespace: namespace, Name: name}}
	}
	for name, c := range map[string]struct {
		answer  Balancer
		objects []any
		waits   bool
	}{
		"of nobody of the cluster":                 {Balancer{}, nil, false},
		"of the same namespace":                    {Balancer{Owner: of(stack.Ingress, "default", "web")}, nil, false},
		"of an Ingress of others":                  {Balancer{Owner: of(stack.Ingress, "victim", "web")}, nil, true},
		"of a Service of others":                   {Balancer{Owner: of(stack.Service, "victim", "web")}, nil, true},
		"of a Gateway of others":                   {Balancer{Owner: of(stack.GatewayALB, "victim", "web")}, nil, true},
		"of a namespace that begins like this one": {Balancer{Owner: of(stack.Ingress, "default-web", "web")}, nil, true},
		"with a grant": {Balancer{Owner: of(stack.Ingress, "victim", "web")},
			[]any{grant("networking.k8s.io", "Ingress", "default")}, false},
		"with a grant for the object": {Balancer{Owner: of(stack.Ingress, "victim", "web")},
			[]any{grant("networking.k8s.io", "Ingress", "default", "web")}, false},
		"with a grant for another object": {Balancer{Owner: of(stack.Ingress, "victim", "web")},
			[]any{grant("networking.k8s.io", "Ingress", "default", "api")}, true},
		"with a grant for another namespace": {Balancer{Owner: of(stack.Ingress, "victim", "web")},
			[]any{grant("networking.k8s.io", "Ingress", "team")}, true},
		"with a grant for another kind": {Balancer{Owner: of(stack.Ingress, "victim", "web")},
			[]any{grant("", "Service", "default")}, true},
		"of a group that the namespace is not in": {Balancer{Owner: of(stack.Ingress, "", "front")},
			[]any{member("ingress.k8s.aws/resources")}, true},
		"of a group that the namespace is in": {Balancer{Owner: of(stack.Ingress, "", "front")},
			[]any{member("group.ingress.k8s.aws/front")}, false},
		"of a group, with a forged finalizer": {Balancer{Owner: of(stack.Ingress, "", "front")},
			[]any{shows("group.ingress.k8s.aws/front", "")}, true},
		"of a group, served by another one": {Balancer{Owner: of(stack.Ingress, "", "front")},
			[]any{shows("group.ingress.k8s.aws/front", "secret-1-1670420556.us-west-2.elb.amazonaws.com")}, true},
		"of a group whose name begins like its own": {Balancer{Owner: of(stack.Ingress, "", "front")},
			[]any{member("group.ingress.k8s.aws/front-b")}, true},
		"whose tags cannot be read at this moment": {Balancer{OwnerProblem: "DescribeTags: Rate exceeded",
			Problem: "DescribeTags: Rate exceeded"}, nil, true},
		"whose settings cannot be read, of nobody's": {Balancer{Problem: "AWS has no such load balancer"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := objects.FromObjects(c.objects)
			ga := object(listener("TCP", []int32{80}, groupOf(given(arn))))
			endpoints, answers := Endpoints(v, ga), Answers{arn: c.answer}
			if needs := Needs(config, ga, endpoints); len(needs) != 1 || needs[0].ARN != arn {
				t.Errorf("needs %+v", needs)
			}
			new(Memory).Permit(v, ga, endpoints, answers, nil)
			d, found := Accelerator(config, ga, endpoints, answers, Memory{})
			group := d.Listeners[0].Groups[0]
			if group.Waiting != c.waits || len(group.Endpoints) == 1 == c.waits {
				t.Errorf("group %+v", group)
			}
			if told := len(found) == 1 && strings.HasPrefix(string(found[0].Code), "EndpointNotLoaded"); told != c.waits {
				t.Errorf("findings %v", found)
			}
		})
	}
}

// TestKindThatAcceleratorsDoNotReadIsRefused has a kind of owner that is not InAccelerators. It is not parallel, because
// it changes the registry.
func TestKindThatAcceleratorsDoNotReadIsRefused(t *testing.T) {
	all := owner.Kinds
	t.Cleanup(func() { owner.Kinds = all })
	const arn = prefix + "app/secret/50dc"
	permitted := func(in bool) bool {
		owner.Kinds = append(slices.Clip(slices.Clone(all)), owner.Kind{Owner: "route.k8s.aws", Kind: string(objects.HTTPRoute),
			InAccelerators: in})
		v := objects.FromObjects([]any{&gatewayv1beta1.ReferenceGrant{ObjectMeta: at("victim", "grant"),
			Spec: gatewayv1.ReferenceGrantSpec{
				From: []gatewayv1.ReferenceGrantFrom{{Group: "aga.k8s.aws", Kind: "GlobalAccelerator", Namespace: "default"}},
				To:   []gatewayv1.ReferenceGrantTo{{Group: gatewayv1.GroupName, Kind: "HTTPRoute"}},
			}}})
		ga := object(listener("TCP", []int32{80}, groupOf(given(arn))))
		endpoints := Endpoints(v, ga)
		of := stack.Key{Owner: "route.k8s.aws", ID: stack.ID{Namespace: "victim", Name: "web"}}
		new(Memory).Permit(v, ga, endpoints, Answers{arn: {Owner: of}}, nil)
		return endpoints[0].State == Given
	}
	if !permitted(true) || permitted(false) {
		t.Errorf("permitted: %t if accelerators read the kind, %t otherwise", permitted(true), permitted(false))
	}
}

// TestInternalBalancerOfGroupIsForThoseWhoDecide has members of a group name its load balancer.
func TestInternalBalancerOfGroupIsForThoseWhoDecide(t *testing.T) {
	t.Parallel()
	const arn = prefix + "app/secret/50dc"
	group := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	for name, c := range map[string]struct {
		internal bool
		deciding []string
		waits    bool
	}{
		"of one who decides":                 {true, []string{"default"}, false},
		"of one who does not":                {true, []string{"victim"}, true},
		"while nobody is known to":           {true, nil, true},
		"that the internet reaches, of both": {false, []string{"victim"}, false},
	} {
		o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mine", Finalizers: []string{
			"group.ingress.k8s.aws/front"}}, Status: showing("internal-secret-1670420556.us-west-2.elb.amazonaws.com")}
		v := objects.FromObjects([]any{o})
		ga := object(listener("TCP", []int32{80}, groupOf(given(arn))))
		endpoints, answers := Endpoints(v, ga), Answers{arn: {Owner: group, Internal: c.internal}}
		new(Memory).Permit(v, ga, endpoints, answers, func(of stack.Key) ([]string, bool) {
			return c.deciding, of == group && c.deciding != nil
		})
		d, found := Accelerator(config, ga, endpoints, answers, Memory{})
		if of := d.Listeners[0].Groups[0]; of.Waiting != c.waits || len(of.Endpoints) == 1 == c.waits {
			t.Errorf("%s: group %+v, findings %v", name, of, found)
		}
	}
}

// showing is the status of an Ingress with a load balancer of a name.
func showing(host string) networkingv1.IngressStatus {
	return networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{
		Ingress: []networkingv1.IngressLoadBalancerIngress{
			{Hostname: host, Ports: []networkingv1.IngressPortStatus{{Port: 80}}},
		}}}
}

// TestStatusOfIngressNamesItsOwnBalancerOnly has a tenant write the name of a load balancer of others into the status
// of an Ingress, to open it to the internet.
func TestStatusOfIngressNamesItsOwnBalancerOnly(t *testing.T) {
	t.Parallel()
	const host = "internal-secret-123.us-west-2.elb.amazonaws.com"
	of := func(o stack.Owner, namespace, name string) stack.Key {
		return stack.Key{Owner: o, ID: stack.ID{Namespace: namespace, Name: name}}
	}
	for name, c := range map[string]struct {
		owner     stack.Key
		namespace string
		finalizer string
		waits     bool
	}{
		"its own":                              {of(stack.Ingress, "default", "web"), "", "", false},
		"of another object of the namespace":   {of(stack.Service, "default", "app"), "", "", false},
		"of nobody of the cluster":             {stack.Key{}, "", "", false},
		"of its group":                         {of(stack.Ingress, "", "front"), "", "group.ingress.k8s.aws/front", false},
		"of a group that it is not in":         {of(stack.Ingress, "", "front"), "", "ingress.k8s.aws/resources", true},
		"of another namespace":                 {of(stack.Ingress, "victim", "web"), "", "", true},
		"of another kind in another namespace": {of(stack.GatewayALB, "victim", "web"), "", "", true},
		"granted, its own":                     {of(stack.Ingress, "shared", "web"), "shared", "", false},
		"granted, of its group": {of(stack.Ingress, "", "front"), "shared", "group.ingress.k8s.aws/front",
			false},
		"granted, of another namespace": {of(stack.Ingress, "victim", "web"), "shared", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := metav1.ObjectMeta{Namespace: "default", Name: "web", Finalizers: []string{c.finalizer}}
			endpoint := agav1beta1.Endpoint{Type: agav1beta1.EndpointIngress, Name: &at.Name}
			if c.namespace != "" {
				at.Namespace, endpoint.Namespace = c.namespace, &c.namespace
			}
			grant := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "shared", Name: "grant"},
				Spec: gatewayv1.ReferenceGrantSpec{
					From: []gatewayv1.ReferenceGrantFrom{{Group: "aga.k8s.aws", Kind: "GlobalAccelerator", Namespace: "default"}},
					To:   []gatewayv1.ReferenceGrantTo{{Group: "networking.k8s.io", Kind: "Ingress"}},
				}}
			v := objects.FromObjects([]any{grant, &networkingv1.Ingress{ObjectMeta: at, Status: showing(host)}})
			ga := object(listener("TCP", []int32{80}, groupOf(endpoint)))
			endpoints, answers := Endpoints(v, ga), Answers{host: {ARN: prefix + "app/secret/50dc", Owner: c.owner}}
			new(Memory).Permit(v, ga, endpoints, answers, nil)
			d, found := Accelerator(config, ga, endpoints, answers, Memory{})
			if group := d.Listeners[0].Groups[0]; group.Waiting != c.waits || len(group.Endpoints) == 1 == c.waits {
				t.Errorf("group %+v, findings %v", group, found)
			}
		})
	}
}
