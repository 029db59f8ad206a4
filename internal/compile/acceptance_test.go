package compile_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// behaviour is a sentence about what users of the existing controller know. What is applied is compiled, and told as
// lines of text by tell.
type behaviour struct {
	says string
	// beside class alb and the Services web (80, named http, target 8080) and api (80, target 9090) of namespace shop
	objects []any
	config  string // JSON over compile.Defaults
	want    []string
	never   []string
}

// notes are annotations, without the prefix alb.ingress.kubernetes.io/.
type notes map[string]string

// ing is an Ingress of namespace shop. A path is "HOST KIND PATH SERVICE:PORT"; "-" stands for nothing.
func ing(object string, n notes, paths ...string) *networkingv1.Ingress {
	class := "alb"
	out := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: object,
		Annotations: map[string]string{"alb.ingress.kubernetes.io/target-type": "ip"}}}
	out.Spec.IngressClassName = &class
	for k, v := range n {
		out.Annotations["alb.ingress.kubernetes.io/"+k] = v
	}
	for _, p := range paths {
		f := strings.Fields(p)
		for i := range f {
			if f[i] == "-" {
				f[i] = ""
			}
		}
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{}}
		name, port, _ := strings.Cut(f[3], ":")
		backend.Service.Name = name
		if number, err := strconv.ParseInt(port, 10, 32); err == nil {
			backend.Service.Port.Number = int32(number)
		} else {
			backend.Service.Port.Name = port
		}
		kind := networkingv1.PathType(f[1])
		path := networkingv1.HTTPIngressPath{Path: f[2], PathType: &kind, Backend: backend}
		rules := out.Spec.Rules
		if len(rules) == 0 || rules[len(rules)-1].Host != ofLetter(f[0]) {
			rules = append(rules, networkingv1.IngressRule{Host: ofLetter(f[0]), IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{}}})
		}
		http := rules[len(rules)-1].HTTP
		http.Paths = append(http.Paths, path)
		out.Spec.Rules = rules
	}
	return out
}

// with changes an object before it is used.
func with[T any](o T, change func(T)) T {
	change(o)
	return o
}

func offer(name string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: manifest.UID("shop", name)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: ports},
	}
}

// surroundings are what every behaviour finds in the cluster.
func surroundings() []any {
	return []any{
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb"}},
		offer("web", port("http", intstr.FromInt32(8080), 30080)),
		offer("api", port("", intstr.FromInt32(9090), 30090)),
		offer("named", port("", intstr.FromString("serve"), 30100)),
	}
}

// port is port 80 of a Service.
func port(name string, target intstr.IntOrString, node int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: 80, TargetPort: target, NodePort: node, Protocol: corev1.ProtocolTCP}
}

func TestUsersFindTheBehavioursThatTheyKnow(t *testing.T) {
	t.Parallel()
	for _, b := range slices.Concat(groupBehaviours(), routingBehaviours(), listenerBehaviours(), networkBehaviours()) {
		t.Run(b.says, func(t *testing.T) {
			t.Parallel()
			s := scenario{Account: "lab"}
			if b.config != "" {
				s.Config = json.RawMessage(b.config)
			}
			text := tell(s.run(t, append(surroundings(), b.objects...)))
			for _, w := range b.want {
				if !strings.Contains(text, w) {
					t.Errorf("it does not tell %q", w)
				}
			}
			for _, n := range b.never {
				if strings.Contains(text, n) {
					t.Errorf("it tells %q", n)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

// tell is the outcome in lines: findings, load balancer, listeners with their rules in order, target groups.
func tell(out []outcome) string {
	var b strings.Builder
	for _, o := range out {
		fmt.Fprintf(&b, "stack %s\n", o.Stack)
		for _, d := range o.Diagnostics {
			fmt.Fprintf(&b, "finding %s\n", d)
		}
		if o.Desired != nil {
			tellStack(&b, o.Desired)
		}
	}
	return b.String()
}

func tellStack(b *strings.Builder, s *stack.Stack) {
	for _, g := range s.SecurityGroups {
		for _, p := range g.Ingress {
			fmt.Fprintf(b, "admit %d-%d %s%s%s\n", p.FromPort, p.ToPort, p.CIDR, p.IPv6CIDR, p.PrefixList)
		}
	}
	for _, l := range s.LoadBalancers {
		fmt.Fprintf(b, "balancer %s %s %s %v tags %v attributes %v\n", l.Name, l.Scheme, l.IPAddressType, l.Subnets, l.Tags,
			l.Attributes)
	}
	for _, l := range s.Listeners {
		fmt.Fprintf(b, "listener %s %s → %s %s certificates %v attributes %v\n", l.Protocol, l.ID,
			reportActions(l.DefaultActions), l.SSLPolicy, append(slices.Clone(l.Certificates), l.SNI...), l.Attributes)
		for _, r := range s.Rules {
			if r.Listener.ID == l.ID {
				fmt.Fprintf(b, "%s:%d%s → %s%s\n", l.ID, r.Order, reportConditions(r.Conditions), reportActions(r.Actions),
					reportTransforms(r.Transforms))
			}
		}
	}
	for _, g := range s.TargetGroups {
		h := g.HealthCheck
		fmt.Fprintf(b, "group %s %s %s:%d %s control %d check %s %s %s %s %d/%d %d/%d attributes %v tags %v\n", g.ID,
			g.TargetType, g.Protocol, g.Port, g.ProtocolVersion, g.ControlPort,
			h.Protocol, h.Port, h.Path, h.Matcher, h.IntervalSeconds, h.TimeoutSeconds, h.HealthyThreshold, h.UnhealthyThreshold,
			g.Attributes, g.Tags)
	}
	for _, x := range s.Bindings {
		fmt.Fprintf(b, "binding %s nodes %v shared %t", x.ID, x.NodeLabels, x.MultiCluster)
		for _, n := range x.Networking {
			fmt.Fprintf(b, " ports %v", n.Ports)
		}
		b.WriteString("\n")
	}
}

// ofLetter is the host that a letter stands for in rules and in what is told of them.
func ofLetter(host string) string {
	if len(host) == 1 {
		return host + letterHost
	}
	return host
}

const letterHost = ".letter.test"

func reportConditions(conditions []stack.Condition) string {
	var b strings.Builder
	for _, c := range conditions {
		b.WriteString(" " + string(c.Field) + c.HeaderName + "=" + strings.ReplaceAll(strings.Join(c.Values, ","), letterHost, ""))
		for _, r := range c.Regex {
			b.WriteString("~" + r)
		}
		for _, q := range c.Query {
			b.WriteString("?" + q.Key + "=" + q.Value)
		}
	}
	return b.String()
}

func reportActions(actions []stack.Action) string {
	var out []string
	for _, a := range actions {
		text := string(a.Type)
		switch {
		case a.Forward != nil:
			for _, g := range a.Forward.TargetGroups {
				text += " " + g.TargetGroup.ID + g.TargetGroup.Literal
			}
		case a.Redirect != nil:
			text += fmt.Sprintf(" %s://%s:%s%s?%s %s", a.Redirect.Protocol, a.Redirect.Host, a.Redirect.Port, a.Redirect.Path,
				a.Redirect.Query, a.Redirect.StatusCode)
		case a.FixedResponse != nil:
			text += " " + a.FixedResponse.StatusCode + " " + a.FixedResponse.MessageBody
		}
		out = append(out, strings.TrimSpace(text))
	}
	return strings.Join(out, ", ")
}

func reportTransforms(transforms []stack.Transform) string {
	var b strings.Builder
	for _, x := range transforms {
		fmt.Fprintf(&b, " %s %v", x.Type, x.Rewrites)
	}
	return b.String()
}
