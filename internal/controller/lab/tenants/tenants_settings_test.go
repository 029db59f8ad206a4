package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// unfitSettings are values of annotations that a member of a group cannot have, by what is wrong with them.
var unfitSettings = map[string]map[string]string{
	"dualstack without IPv6":           {"ip-address-type": "dualstack"},
	"dualstack, subnets without IPv6":  {"ip-address-type": "dualstack", "subnets": "subnet-0a1de000000000001"},
	"unknown address type":             {"ip-address-type": "x"},
	"absent subnets":                   {"subnets": "subnet-0a1de00000000dead,subnet-0a1de00000000beef"},
	"malformed subnets":                {"subnets": "subnet-zz,subnet-yy"},
	"absent subnets by name":           {"subnets": "no,where"},
	"absent security group":            {"security-groups": "sg-0a1de00000000dead"},
	"malformed security group":         {"security-groups": "sg-zz"},
	"absent security group by name":    {"security-groups": "nowhere"},
	"unknown scheme":                   {"scheme": "x"},
	"another scheme":                   {"scheme": "internet-facing"},
	"long name":                        {"load-balancer-name": strings.Repeat("a", 40)},
	"absent prefix list":               {"security-group-prefix-lists": "pl-0a1de00000000dead"},
	"malformed prefix list":            {"security-group-prefix-lists": "pl-zz"},
	"malformed ranges":                 {"inbound-cidrs": "x"},
	"absent trust store":               {"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"no"}]`},
	"malformed trust store":            {"mutual-authentication": `[{"port":443,"mode":"verify","trustStore":"a b/c"}]`},
	"absent load balancer":             {"existing-load-balancer": "nowhere"},
	"malformed load balancer":          {"existing-load-balancer": "arn:aws:x"},
	"absent load balancer, taken over": {"existing-load-balancer": "nowhere", "ownership": "managed"},
	"absent certificate": {"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`,
		"certificate-arn": "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-00000000dead"},
	"malformed certificate": {"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "certificate-arn": "x"},
	"no certificate":        {"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`},
	"absent pool":           {"ipam-ipv4-pool-id": "ipam-pool-0a1de00000000dead"},
	"absent outpost pool":   {"customer-owned-ipv4-pool": "ipv4pool-coip-0a1de00000000dead"},
	"absent web ACL": {"wafv2-acl-arn": "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/x/0a1de001-0000-4000-8000-" +
		"00000000dead"},
	"absent web ACL by name": {"wafv2-acl-name": "nowhere"},
	"malformed web ACL":      {"wafv2-acl-arn": "x"},
	"capacity":               {"minimum-load-balancer-capacity": "CapacityUnits=1"},
	"redirect to nowhere":    {"ssl-redirect": "443"},
	"frontend of absent addresses": {"enable-frontend-nlb": "true", "frontend-nlb-scheme": "internet-facing",
		"frontend-nlb-eip-allocations": "eipalloc-0a1de00000000dead"},
	"frontend of absent subnets":  {"enable-frontend-nlb": "true", "frontend-nlb-subnets": "subnet-0a1de00000000dead"},
	"frontend of absent groups":   {"enable-frontend-nlb": "true", "frontend-nlb-security-groups": "sg-0a1de00000000dead"},
	"frontend of an absent port":  {"enable-frontend-nlb": "true", "frontend-nlb-listener-port-mapping": "80=81"},
	"targets that nobody has":     {"actions.evil": forwardTo("nowhere")},
	"malformed target group":      {"actions.evil": forwardToARN("x")},
	"target group of an account":  {"actions.evil": forwardToARN(otherTargetGroup)},
	"target group that is absent": {"actions.evil": forwardToARN(absentTargetGroup)},
	"unknown policy":              {"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "ssl-policy": "x"},
	"tags":                        {"tags": "aws:x=y"},
	"attributes":                  {"load-balancer-attributes": "x=y"},
	"bucket that is absent":       {"load-balancer-attributes": "access_logs.s3.enabled=true,access_logs.s3.bucket=no"},
	"misspelt scheme":             {"shceme": "internal"},
	"drift policy":                {"drift-policy": "x"},
	"replacement policy":          {"replacement-policy": "x"},
}

const (
	otherTargetGroup  = "arn:aws:elasticloadbalancing:us-west-2:999999999999:targetgroup/theirs/0a1de00000000dea"
	absentTargetGroup = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/theirs/0a1de00000000dea"
)

func forwardTo(name string) string {
	return `{"type":"forward","forwardConfig":{"targetGroups":[{"targetGroupName":"` + name + `"}]}}`
}

func forwardToARN(arn string) string { return `{"type":"forward","targetGroupARN":"` + arn + `"}` }

// TestSettingOfAMemberHoldsNoEditOfOthers has a member of a group declare what it cannot have, as a newcomer and by an
// edit. Another member's edits of rules, target groups and settings take effect meanwhile.
func TestSettingOfAMemberHoldsNoEditOfOthers(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	chosen := sample.OneOf(14)
	for _, name := range slices.Sorted(maps.Keys(unfitSettings)) {
		values := unfitSettings[name]
		for _, when := range []string{"newcomer", "edit"} {
			if !chosen.Next() {
				continue
			}
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class(),
					lab.Service("new"))...)
				evil := lab.GroupMember("mal", "evil", 9, nil)
				if when == "edit" {
					l.Create(evil...)
				}
				l.Settle(lab.FrontGroup)
				i, _ := evil[1].(*networkingv1.Ingress)
				for k, v := range values {
					i.Annotations[prefix+k] = v
					if strings.HasPrefix(k, "actions.") {
						i.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{Name: "evil",
							Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
					}
				}
				if when == "edit" {
					was := &networkingv1.Ingress{}
					l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(i), was))
					was.Annotations, was.Spec = i.Annotations, i.Spec
					l.Must(l.Client.Update(t.Context(), was))
				} else {
					l.Create(evil...)
				}
				l.PassWith(time.Second, lab.FrontGroup)
				l.Edit("web", func(i *networkingv1.Ingress) {
					i.Annotations[prefix+"load-balancer-attributes"] = "idle_timeout.timeout_seconds=77"
					i.Annotations[prefix+"healthcheck-path"] = "/seventy"
					lab.ToNew(i)
				})
				l.PassWith(time.Minute, lab.FrontGroup)
				r := l.Sim.Resources()
				if len(r.LoadBalancers) == 0 {
					t.Fatalf("no load balancer\n%s", strings.Join(l.Events, "\n"))
				}
				lb := r.LoadBalancers[0]
				if lb.Attributes["idle_timeout.timeout_seconds"] != "77" {
					t.Errorf("the setting is not in effect")
				}
				found := 0
				for _, tg := range r.TargetGroups {
					if strings.Contains(tg.HealthCheck, "/seventy") {
						found++
					}
				}
				if found < 2 {
					t.Errorf("%d target groups have the health check", found)
				}
				if t.Failed() {
					t.Logf("%s", strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}
