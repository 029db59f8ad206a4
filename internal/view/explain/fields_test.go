package explain

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// untreated are the fields of desired resources of which an edit shows in fewer than three places, with the places
// that it does not show in. plan: a step changes AWS. json: the annotation with the plan has it. explain: lbc explain
// shows it.
var untreated = map[string]string{
	"Listener.ALPN":                     "plan: of TLS listeners only",
	"Listener.ID":                       "plan, explain: the port is its identity",
	"Listener.Joined":                   "plan, json, explain: marks a listener of another owner",
	"Listener.LoadBalancer":             "explain: a reference",
	"Listener.Tags":                     "explain: shown with the place that declares them",
	"LoadBalancer.ARN":                  "json, explain: marks a load balancer of another owner",
	"LoadBalancer.CustomerOwnedPool":    "plan: used at creation only",
	"LoadBalancer.ID":                   "explain: it says which explanation it is",
	"LoadBalancer.Name":                 "plan: used at creation only",
	"LoadBalancer.Subnets.AllocationID": "plan: of network load balancers only",
	"LoadBalancer.Subnets.IPv6":         "plan: of network load balancers only",
	"LoadBalancer.Subnets.PrivateIPv4":  "plan: of network load balancers only",
	"LoadBalancer.Tags":                 "explain: shown with the place that declares them",
	"TargetGroup.Balancer":              "json, explain: a reference of target type alb",
	"TargetGroup.Declared":              "plan, json, explain: says how the name counts",
	"TargetGroup.Name":                  "plan: used at creation only",
	"TargetGroup.Port":                  "plan: used at creation only",
	"TargetGroup.Tags":                  "explain: shown with the place that declares them",
}

// complete is a stack of which each field of each resource has a value.
func complete() *stack.Stack {
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	tags := func(id string) map[string]string { return naming.Tracking(key.Owner, "demo", key.ID.String(), id) }
	units, acl, on := int32(100), "arn:acl", true
	return &stack.Stack{Key: key, Cluster: "demo", VPC: "vpc-1",
		LoadBalancers: []stack.LoadBalancer{{
			ID: stack.LoadBalancerIdentity, Name: "web", Type: stack.Application, Scheme: stack.Internal,
			IPAddressType: stack.Dualstack, Subnets: []stack.SubnetMapping{{Subnet: "subnet-a", AllocationID: "eipalloc-a",
				PrivateIPv4: "10.0.0.1", IPv6: "2001:db8::1", SourceNATPrefix: "2001:db8::/80"}},
			SecurityGroups: []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-1")},
			Attributes:     map[string]string{"idle_timeout.timeout_seconds": "75"}, Tags: tags(stack.LoadBalancerIdentity),
			NetworkSourceNAT: "on", PrivateLinkRules: "on", CustomerOwnedPool: "coip-1", IPAMPool: "ipam-1",
			AddOns: stack.AddOns{WebACL: &acl, Shield: &on, Capacity: &units},
		}},
		Listeners: []stack.Listener{{
			ID: "443", LoadBalancer: stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}, Port: 443,
			Protocol: "HTTPS", DefaultActions: []stack.Action{{Type: stack.ActionFixedResponse,
				FixedResponse: &stack.FixedResponse{StatusCode: "404", ContentType: "text/plain", MessageBody: "no"}}},
			SSLPolicy: "policy-1", Certificates: []string{"arn:cert-1"}, ALPN: "None", SNI: []string{"arn:cert-2"},
			Attributes: map[string]string{"routing.http.response.server.enabled": "false"}, Tags: tags("443"),
			Mutual: &stack.MutualAuthentication{Mode: "verify", TrustStore: "arn:store-1"},
		}},
		TargetGroups: []stack.TargetGroup{{
			ID: "shop/web:80", Name: "web-80", TargetType: stack.TargetIP, Port: 8080, Protocol: "HTTP",
			ProtocolVersion: "HTTP1", IPAddressType: stack.IPv6, ControlPort: 3000, Tags: tags("shop/web:80"),
			Attributes: map[string]string{"stickiness.enabled": "true"},
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "8081", Path: "/", Matcher: "200", IntervalSeconds: 15,
				TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
		}},
	}
}

// deployed is what AWS holds after the plan of a new stack.
func deployed(t *testing.T, s *stack.Stack) awsop.Observed {
	t.Helper()
	obs, produced := awsop.Observed{Key: s.Key}, map[stack.Ref]string{}
	for i, step := range diff.Stack(s, stack.Keep{}, obs, diff.Options{}).Steps {
		out := awsop.Output{ID: fmt.Sprintf("arn:%s/%d", step.Resource.Kind, i), State: "active"}
		if at := (stack.Ref{Kind: step.Resource.Kind, ID: step.Resource.ID}); produced[at] == "" {
			produced[at] = out.ID
		}
		obs = awsop.Advance(obs, step.Op, out, func(r stack.Ref) string {
			if r.Literal != "" {
				return r.Literal
			}
			return produced[r]
		})
	}
	return obs
}

// edit gives a value another one.
func edit(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the others have no settings
	case reflect.String:
		v.SetString(v.String() + "9")
	case reflect.Int32:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"other": "value"}))
	case reflect.Pointer:
		next := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			next.Elem().Set(v.Elem())
		}
		edit(next.Elem())
		v.Set(next)
	case reflect.Slice:
		next := reflect.New(v.Type().Elem()).Elem()
		if v.Len() > 0 {
			next.Set(v.Index(0))
		}
		edit(next)
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), next))
	case reflect.Struct: // of a list, or behind a pointer: its last field of a simple kind
		for i := v.NumField() - 1; i >= 0; i-- {
			if f := v.Field(i); slices.Contains([]reflect.Kind{reflect.String, reflect.Bool, reflect.Int32}, f.Kind()) {
				edit(f)
				return
			}
		}
	}
}

// fields calls visit with each field of a resource, also of the structs in it.
func fields(v reflect.Value, path string, visit func(path string, f reflect.Value)) {
	for i := range v.NumField() {
		f, at := v.Field(i), path+"."+v.Type().Field(i).Name
		if v.Type().Field(i).Anonymous {
			at = path
		}
		inner := f
		for inner.Kind() == reflect.Pointer && !inner.IsNil() || inner.Kind() == reflect.Slice && inner.Len() > 0 {
			if inner.Kind() == reflect.Slice {
				inner = inner.Index(0)
			} else {
				inner = inner.Elem()
			}
		}
		if inner.Type() == reflect.TypeFor[stack.Action]() {
			continue // traffic compares actions
		}
		if inner.Kind() == reflect.Struct && inner.Type() != reflect.TypeFor[stack.Ref]() {
			fields(inner, at, visit)
			continue
		}
		visit(at, f)
	}
}

// resources are the first ones of a stack.
func resources(s *stack.Stack) map[string]reflect.Value {
	return map[string]reflect.Value{
		"LoadBalancer": reflect.ValueOf(&s.LoadBalancers[0]).Elem(),
		"Listener":     reflect.ValueOf(&s.Listeners[0]).Elem(),
		"TargetGroup":  reflect.ValueOf(&s.TargetGroups[0]).Elem(),
	}
}

// TestEachFieldOfAResourceIsTreated edits each field of a load balancer, a listener and a target group: an edit that
// no step, no JSON and no explanation shows is one that somebody forgot.
func TestEachFieldOfAResourceIsTreated(t *testing.T) {
	t.Parallel()
	base := complete()
	obs := deployed(t, base)
	if p := diff.Stack(base, stack.Keep{}, obs, diff.Options{}); !p.Empty() {
		t.Fatalf("the plan of what is deployed is not empty:\n%s", p.Text(plan.TextOptions{}))
	}
	text := func(s *stack.Stack) (j, e string) {
		raw, err := planjson.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := json.Marshal(Explain(Input{Stack: s}))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw), string(shown)
	}
	baseJSON, baseShown := text(base)
	seen := map[string]bool{}
	for name := range resources(base) {
		fields(resources(base)[name], name, func(path string, _ reflect.Value) {
			s := complete()
			fields(resources(s)[name], name, func(at string, f reflect.Value) {
				if at == path {
					edit(f)
				}
			})
			var lacks []string
			if p := diff.Stack(s, stack.Keep{}, obs, diff.Options{}); p.Empty() {
				lacks = append(lacks, "plan")
			}
			j, e := text(s)
			if j == baseJSON {
				lacks = append(lacks, "json")
			}
			if e == baseShown {
				lacks = append(lacks, "explain")
			}
			want, _, _ := strings.Cut(untreated[path], ":")
			if got := strings.Join(lacks, ", "); got != want {
				t.Errorf("an edit of %s does not show in %q, want %q", path, got, want)
			}
			seen[path] = true
		})
	}
	for path := range untreated {
		if !seen[path] {
			t.Errorf("no resource has a field %s", path)
		}
	}
}
