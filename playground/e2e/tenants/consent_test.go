package tenants

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// thief is a user with a Role in one namespace.
type thief struct {
	c         *harness.Cluster
	namespace string
}

// newThief makes the namespace, the Role and its binding.
func newThief(t *testing.T, c *harness.Cluster, namespace string) thief {
	t.Helper()
	c.Apply(t, fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant, namespace: %[1]s}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: ["*"]}
- {apiGroups: [""], resources: [services, events], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory-%[1]s}]
`, namespace))
	a := thief{c, namespace}
	if out, err := c.TryKubectl(t, "--as=mallory-"+namespace, "get", "ingresses", "-n", "default"); err == nil {
		t.Fatalf("the attacker has rights in other namespaces:\n%s", out)
	}
	return a
}

// kubectl runs kubectl as the attacker.
func (a thief) kubectl(t *testing.T, args ...string) {
	t.Helper()
	a.c.Kubectl(t, append([]string{"--as=mallory-" + a.namespace, "-n", a.namespace}, args...)...)
}

// steal applies an Ingress that names a load balancer of others, as the attacker.
func (a thief) steal(t *testing.T, annotations scene.Annotations) {
	t.Helper()
	if out, err := a.trySteal(t, annotations); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// trySteal is steal for an Ingress that may be refused. It returns what kubectl printed.
func (a thief) trySteal(t *testing.T, annotations scene.Annotations) (string, error) {
	t.Helper()
	all := scene.Annotations{"scheme": "internet-facing",
		"actions.stolen": `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"202","messageBody":"stolen"}}`}
	for k, v := range annotations {
		if all[k] = v; v == "" {
			delete(all, k)
		}
	}
	ingress := scene.Ingress(a.namespace, "steal", scene.Class, all, scene.Path{Path: "/login", Service: "stolen",
		Port: "name: use-annotation"})
	out, err := a.c.TryKubectl(t, "--as=mallory-"+a.namespace, "-n", a.namespace, "apply", "-f", written(t, ingress))
	if err != nil {
		out += err.Error()
	}
	return out, err
}

// told waits for an event of the attacker's Ingress.
func (a thief) told(t *testing.T, texts ...string) string {
	t.Helper()
	message := ""
	a.c.WaitFor(t, "an event with "+strings.Join(texts, ", "), func(context.Context) error {
		events := a.c.Events(t, "Ingress", a.namespace, "steal")
		for _, e := range events {
			missing := 0
			for _, text := range texts {
				if !strings.Contains(e.Message, text) {
					missing++
				}
			}
			if missing == 0 {
				message = e.Message
				return nil
			}
		}
		return fmt.Errorf("%d events", len(events))
	})
	return message
}

// payroll makes a load balancer that has nothing to do with the cluster: it answers 200 to everything.
func payroll(t *testing.T, c *harness.Cluster, name string) (arn, address string) {
	t.Helper()
	balancing := c.Simulator.Balancing
	lb, err := balancing.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{
		Name: &name, Scheme: types.LoadBalancerSchemeEnumInternetFacing,
		Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}, SecurityGroups: []string{
			"sg-0a1de000000000002"}, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("finance")}}})
	if err != nil {
		t.Fatal(err)
	}
	arn, address = aws.ToString(lb.LoadBalancers[0].LoadBalancerArn), aws.ToString(lb.LoadBalancers[0].DNSName)
	if _, err := balancing.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &arn,
		Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"),
			Value: aws.String("90")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := balancing.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: &arn, Port: aws.Int32(80),
		Protocol: types.ProtocolEnumHttp,
		DefaultActions: []types.Action{
			{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{
				StatusCode: aws.String("200"), MessageBody: aws.String("payroll")}}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = balancing.DeleteLoadBalancer(context.Background(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
	})
	c.WaitGet(t, "http://"+address+"/login", "", 200, "")
	return arn, address
}

// touched is what a load balancer of others has, as text.
func touched(t *testing.T, c *harness.Cluster, arn string) string {
	t.Helper()
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.ARN == arn {
			return fmt.Sprint(lb.Tags, len(lb.Listeners), " listeners, ", len(lb.Listeners[0].Rules), " rules ", lb.Attributes,
				lb.SecurityGroups)
		}
	}
	return "it is gone"
}

// consent has the owner of a load balancer tag it.
func consent(t *testing.T, c *harness.Cluster, arn, key, value string) {
	t.Helper()
	if _, err := c.Simulator.Balancing.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: []string{arn},
		Tags: []types.Tag{{Key: &key, Value: &value}}}); err != nil {
		t.Fatal(err)
	}
}

// TestTenantCannotTakeLoadBalancers shows that a tenant with real RBAC rights cannot share, take
// over, approve, manage or delete load balancers of others.
func TestTenantCannotTakeLoadBalancers(t *testing.T) {
	t.Parallel()
	c := playgroundOf(t)
	arn, address := payroll(t, c, "payroll-consent")
	mallory := newThief(t, c, "thief")
	before := touched(t, c, arn)
	untouched := func(when string) {
		t.Helper()
		if got := touched(t, c, arn); got != before {
			t.Errorf("%s: %s, was %s", when, got, before)
		}
		c.WaitGet(t, "http://"+address+"/login", "", 200, "")
	}

	for _, ownership := range []string{"shared", "adopted"} {
		for _, name := range []string{"payroll-consent", arn} {
			mallory.steal(t, scene.Annotations{"ownership": ownership, "existing-load-balancer": name,
				"deletion-policy": "Delete"})
			mallory.told(t, fmt.Sprintf("load balancer %q", name), "[LoadBalancerNotAllowed]",
				"--existing-load-balancers=thief=payroll-consent", "elbv2.k8s.aws/shared-with")
			untouched(ownership + " " + name)
			mallory.kubectl(t, "delete", "ingress", "steal", "--timeout=2m")
			untouched(ownership + " " + name + ", deleted")
		}
	}

	out, err := mallory.trySteal(t, scene.Annotations{"ownership": "shared", "existing-load-balancer": arn,
		"tags": "elbv2.k8s.aws/shared-with=demo-cluster/thief"})
	if err == nil || !strings.Contains(out, "elbv2.k8s.aws/shared-with is reserved") {
		t.Errorf("a tag of his own is consent: %s", out)
	}
	untouched("with a tag of his own")

	// not to the attacker by name: he does not approve of anything
	consent(t, c, arn, "elbv2.k8s.aws/shared-with", "demo-cluster")
	mallory.steal(t, scene.Annotations{"ownership": "adopted", "existing-load-balancer": "payroll-consent",
		"deletion-policy": "Delete", "load-balancer-attributes": "idle_timeout.timeout_seconds=100"})
	message := mallory.told(t, "[TakeoverNotApproved]", "elbv2.k8s.aws/shared-with")
	digest := regexp.MustCompile(`approved-plan: ([0-9a-f]{16})`).FindStringSubmatch(message)
	if digest == nil {
		t.Fatalf("no digest in %q", message)
	}
	c.WaitGet(t, "http://"+address+"/login", "", 202, "") // the rule is his by consent
	mallory.kubectl(t, "annotate", "ingress", "steal", "alb.ingress.kubernetes.io/approved-plan="+digest[1])
	mallory.kubectl(t, "annotate", "ingress", "steal", "--overwrite", "alb.ingress.kubernetes.io/ownership=managed",
		"alb.ingress.kubernetes.io/listen-ports=[{\"HTTP\":80},{\"HTTP\":8080}]")
	c.WaitFor(t, "a listener of the edit", func(context.Context) error {
		if n := len(c.LoadBalancer(t, "payroll-consent").Listeners); n != 2 {
			return fmt.Errorf("%d listeners", n)
		}
		return nil
	})
	c.WaitGet(t, "http://"+address+"/", "", 200, "")
	mallory.kubectl(t, "delete", "ingress", "steal", "--timeout=2m")
	c.WaitGet(t, "http://"+address+"/", "", 200, "")
	lb := c.LoadBalancer(t, "payroll-consent")
	if lb.Tags["Team"] != "finance" || lb.Tags["elbv2.k8s.aws/shared-with"] != "demo-cluster" ||
		lb.Tags["elbv2.k8s.aws/deletable-by"] != "" || lb.Attributes["idle_timeout.timeout_seconds"] != "90" {
		t.Errorf("once it was taken over: tags %v, attributes %v", lb.Tags, lb.Attributes)
	}
}
