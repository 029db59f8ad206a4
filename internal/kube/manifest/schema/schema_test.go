package schema

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/config/crd"
)

func definitions(t *testing.T) map[string]Definition {
	t.Helper()
	out := map[string]Definition{}
	for _, text := range crd.All() {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out[d.Kind] = d
	}
	return out
}

// testdata of playground/crdrules has for each field a value that the API server's own validation refuses.
func TestWhatTheAPIServerRefusesByTheSchemaIsAProblem(t *testing.T) {
	t.Parallel()
	all := definitions(t)
	for file, least := range map[string]int{"gateway-refused.yaml": 50, "accelerator-refused.yaml": 30} {
		text, err := os.ReadFile("../../../../playground/crdrules/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []struct {
			Kind, Field, Says string
			Spec              map[string]any
		}
		if err := yaml.Unmarshal(text, &cases); err != nil || len(cases) < least {
			t.Fatal(len(cases), err)
		}
		for _, c := range cases {
			d := all[c.Kind]
			problems := d.Schema.Check(map[string]any{"spec": c.Spec})
			if len(problems) != 1 || problems[0].Text == "" || problems[0].Remedy == "" {
				t.Errorf("%s %s: %d problems, want one: %v", c.Kind, c.Field, len(problems), problems)
			}
		}
	}
}

func TestWhatTheAPIServerStoresIsNoProblem(t *testing.T) {
	t.Parallel()
	all := definitions(t)
	files, err := filepath.Glob("../../../controller/lab/gateways/testdata/gateway/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			var o map[string]any
			if err := yaml.Unmarshal([]byte(document), &o); err != nil {
				t.Fatal(err)
			}
			kind, _ := o["kind"].(string)
			d, ok := all[kind]
			if !ok {
				continue
			}
			n++
			if problems := d.Schema.Check(o); len(problems) > 0 {
				t.Errorf("%s: %v: %v", file, o["metadata"], problems)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d objects", n)
	}
}

func TestEveryRuleOfTheDefinitionsHasAFormThatIsKnown(t *testing.T) {
	t.Parallel()
	rules := 0
	var walk func(s Schema)
	walk = func(s Schema) {
		for _, r := range s.Rules {
			rules++
			if !slices.ContainsFunc(forms, func(f form) bool { return f.rule.MatchString(r.Rule) }) {
				t.Errorf("rule %q has no form", r.Rule)
			}
		}
		for _, p := range s.Properties {
			walk(p)
		}
		if s.Items != nil {
			walk(*s.Items)
		}
		if s.AdditionalProperties != nil {
			walk(*s.AdditionalProperties)
		}
	}
	for _, d := range definitions(t) {
		walk(d.Schema)
	}
	if rules != 28 {
		t.Errorf("%d rules", rules)
	}
}

func TestProblemsNameTheirPlace(t *testing.T) {
	t.Parallel()
	all := definitions(t)
	for spec, want := range map[string]string{
		"kind: LoadBalancerConfiguration\nspec: {scheme: public}":                                      `spec.scheme: "public" is not one of internal, internet-facing`,
		"kind: LoadBalancerConfiguration\nspec: {listenerConfigurations: [{}]}":                        "spec.listenerConfigurations[0]: protocolPort is missing",
		"kind: LoadBalancerConfiguration\nspec: {listenerConfigurations: [{protocolPort: HTTPS-443}]}": `spec.listenerConfigurations[0].protocolPort: "HTTPS-443" does not match`,
		"kind: LoadBalancerConfiguration\nspec: {listenerConfigurations: [{protocolPort: 'HTTPS:443', " +
			"mutualAuthentication: {mode: verify}}]}": "spec.listenerConfigurations[0].mutualAuthentication: trustStore is " +
			"required when mode is verify",
		"kind: LoadBalancerConfiguration\nspec: {listenerConfigurations: [{protocolPort: 'HTTPS:443', " +
			"mutualAuthentication: {mode: off}}]}": "spec.listenerConfigurations[0].mutualAuthentication.mode: it is of type " +
			"boolean, not string",
		"kind: ListenerRuleConfiguration\nspec: {actions: [{type: forward}]}":                                         "spec.actions[0]: forwardConfig must be set when type is forward, and only then",
		"kind: LoadBalancerConfiguration\nspec: {securityGroups: [null]}":                                             "spec.securityGroups[0]: it is of type null, not string",
		"kind: LoadBalancerConfiguration\nspec: {tags: {a: null}, scheme: null}":                                      "",
		"kind: LoadBalancerConfiguration":                                                                             "",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: http}, targetType: ip, ipAddressType: ipv6}":  "",
		"kind: TargetGroupBinding\nspec: {targetType: ip}":                                                            "spec: serviceRef is missing",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, targetType: lambda}":                     `spec.targetType: "lambda" is not one of instance, ip`,
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, targetType: ip, nodeSelector: {}}":       "spec: TargetGroupBinding cannot set NodeSelector when TargetType is ip",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, targetType: instance, nodeSelector: {}}": "",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, networking: {ingress: [{from: [{}], " +
			"ports: []}]}}": "spec.networking.ingress[0].from[0]: a peer is either an ipBlock or a securityGroup",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, networking: {ingress: [{from: [{ipBlock: " +
			"{cidr: 10.0.0.0/8}, securityGroup: {groupID: sg-1}}], ports: []}]}}": "spec.networking.ingress[0].from[0]: a " +
			"peer is either an ipBlock or a securityGroup",
		"kind: TargetGroupBinding\nspec: {serviceRef: {name: web, port: 80}, networking: {ingress: [{from: [{ipBlock: " +
			"{cidr: 10.0.0.0}}, {securityGroup: {groupID: web}}], ports: []}]}}": `spec.networking.ingress[0].from[0].ipBlock.cidr: "10.0.0.0" does not match`,
		"kind: IngressClassParams\nspec: {subnets: {}}": "spec.subnets: must have either",
		"kind: IngressClassParams\nspec: {subnets: {tags: {}}}": "spec.subnets: must have at " +
			"least one tag key",
		"kind: IngressClassParams\nspec: {subnets: {ids: [subnet-1], tags: {a: [b]}}}": "spec.subnets: may not have both",
		"kind: IngressClassParams\nspec: {group: {name: front, shards: 17}}":           "spec.group.shards: ",
		"kind: IngressClassParams\nspec: {group: {name: front, shards: 16}}":           "",
		"kind: IngressClassParams\nspec: {group: {name: " + strings.Repeat("a", 61) +
			", shards: 2}}": "spec.group: the name of a group with shards has 60 characters at most",
		"kind: IngressClassParams\nspec: {group: {name: " + strings.Repeat("a", 61) +
			", shards: 1}}": "",
		"kind: IngressClassParams\nspec: {group: {shards: 2}}":                                                           "spec.group: name is missing",
		"kind: GlobalAccelerator\nspec: {listeners: [{portRanges: [{fromPort: 90, toPort: 80}]}]}":                       "spec.listeners[0].portRanges[0]: FromPort must be less than or equal to ToPort",
		"kind: GlobalAccelerator\nspec: {listeners: [{endpointGroups: [{endpoints: [{type: EndpointID, name: web}]}]}]}": "spec.listeners[0].endpointGroups[0].endpoints[0]: endpointID is required",
		"kind: GlobalAccelerator\nspec: {listeners: [{endpointGroups: [{endpoints: [{type: Service, endpointID: " +
			"eipalloc-1}]}]}]}": "spec.listeners[0].endpointGroups[0].endpoints[0]: name is required",
		"kind: GlobalAccelerator\nspec: {listeners: [{endpointGroups: [{endpoints: [{type: Service, name: web, " +
			"namespace: shop}]}]}]}": "",
		"kind: GlobalAccelerator\nspec: {listeners: [{endpointGroups: [{endpoints: [{type: EndpointID, endpointID: " +
			"eipalloc-1}]}]}]}": "",
		"kind: IngressClassParams\nspec: {subnets: {tags: {a: [b]}}}": "",
	} {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(spec), &o); err != nil {
			t.Fatal(err)
		}
		d := all[o["kind"].(string)]
		got := ""
		for _, p := range d.Schema.Check(o) {
			got += p.Path + ": " + p.Text
		}
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}
