package migration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// ruleText is what a rule says, where hosts that match with any port are written as the Ingress has them, and "/*" is
// every path.
func ruleText(port, conditions, actions string) string {
	return port + ": " + anyPort.ReplaceAllStringFunc(conditions, func(host string) string {
		return `"values":["` + strings.ReplaceAll(anyPort.FindStringSubmatch(host)[1], `\\`, "") + `"]`
	}) + " → " + strings.ReplaceAll(actions, `,"weight":1`, "")
}

var (
	anyPort  = regexp.MustCompile(`"regexValues":\["\^([^"]*)\(:\[0-9\]\+\)\?\$"\]`)
	groupRef = regexp.MustCompile(
		`\{"\$ref":"#/resources/AWS::ElasticLoadBalancingV2::TargetGroup/([^"]*)/status/targetGroupARN"\}`)
)

// nothingElse is the default action of listeners whose other requests get no answer of a backend.
const nothingElse = `"statusCode":"404"`

// rulesOf are the rules of a plan as text, sorted, and the default actions of listeners as rules for all paths.
func rulesOf(t *testing.T, text string) (out []string) {
	t.Helper()
	var plan struct {
		Resources map[string]map[string]struct {
			Spec struct {
				Conditions     []map[string]any
				Actions        any
				DefaultActions any
				Template       struct {
					Metadata struct{ Namespace string }
					Spec     struct{ ServiceRef any }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	bindings := plan.Resources["K8S::ElasticLoadBalancingV2::TargetGroupBinding"]
	add := func(port string, conditions []map[string]any, actions any) {
		var all []string
		for _, x := range conditions {
			all = append(all, marshal(t, x))
		}
		slices.Sort(all)
		all = slices.DeleteFunc(all, func(x string) bool {
			return x == `{"field":"path-pattern","pathPatternConfig":{"values":["/*"]}}`
		})
		forward := groupRef.ReplaceAllStringFunc(marshal(t, actions), func(ref string) string {
			b := bindings[groupRef.FindStringSubmatch(ref)[1]].Spec.Template
			return `"` + b.Metadata.Namespace + marshal(t, b.Spec.ServiceRef) + `"`
		})
		out = append(out, ruleText(port, strings.Join(all, " and "), forward))
	}
	for id, r := range plan.Resources["AWS::ElasticLoadBalancingV2::ListenerRule"] {
		port, _, _ := strings.Cut(id, ":")
		add(port, r.Spec.Conditions, r.Spec.Actions)
	}
	for port, l := range plan.Resources["AWS::ElasticLoadBalancingV2::Listener"] {
		if !strings.Contains(marshal(t, l.Spec.DefaultActions), nothingElse) {
			add(port, nil, l.Spec.DefaultActions)
		}
	}
	slices.Sort(out)
	return out
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hostWithPort is a condition of a Gateway on a host, in the simulator's words.
var hostWithPort = regexp.MustCompile(`host-header is ~\^(\S*)\(:\[0-9\]\+\)\?\$`)

// deployed are the listeners with rules and default actions of a load balancer, where target groups are named by their
// service.
func deployed(lb simclient.LoadBalancer, service map[string]string, groups []simclient.TargetGroup) (out []string) {
	for _, l := range lb.Listeners {
		for _, r := range l.Rules {
			text := hostWithPort.ReplaceAllStringFunc(r.Text, func(x string) string {
				return "host-header is " + strings.ReplaceAll(hostWithPort.FindStringSubmatch(x)[1], `\`, "")
			})
			for _, g := range groups {
				text = strings.ReplaceAll(text, g.Name, service[g.ARN])
			}
			if r.Priority == "default" {
				text = "default: " + text
			}
			out = append(out, l.Protocol+" "+fmt.Sprint(l.Port)+" "+text)
		}
	}
	slices.Sort(out)
	return out
}
