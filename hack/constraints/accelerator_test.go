package constraints

import (
	"maps"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/config/crd"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/manifest/schema"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

const (
	listens = "protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}]"
	twice   = "endpoints: [{type: EndpointID, endpointID: eipalloc-1, weight: 1}, {type: EndpointID, endpointID: eipalloc-1}]"
)

// stricter is a name that AWS takes, and the definition of the existing controller does not.
const stricter = "name: a.b"

// specOf is a declaration with an endpoint group.
func specOf(group string) string {
	return "listeners: [{" + listens + ", endpointGroups: [{" + group + "}]}]"
}

// counted is an item as often as it says, with # as its number.
func counted(n int, item string) string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(item, "#", string(rune('a'+i%26))+strings.Repeat("a", i/26)))
	}
	return strings.Join(out, ", ")
}

// overridden is a listener of ports 80 to 99 with an endpoint group with port overrides.
func overridden(overrides string) string {
	return "listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 99}], endpointGroups: [{portOverrides: [" +
		overrides + "]}]}]"
}

// acceleratorValues are declarations by the fields that they are about. A declaration is refused by AWS exactly if
// admission, lint and the controller refuse it.
var acceleratorValues = map[string][]string{
	"spec.name": {"name: web", "name: -web", "name: web-", "name: _web", "name: web_", "name: a.b", "name: 'a b'",
		"name: ''", "name: " + strings.Repeat("a", 64), "name: " + strings.Repeat("a", 65)},
	"spec.ipAddressType": {"ipAddressType: IPV4", "ipAddressType: DUAL_STACK", "ipAddressType: IPV6"},
	"spec.ipAddresses": {"ipAddresses: [a]", "ipAddresses: [10.0.0.1]", "ipAddresses: ['2001:db8::1']",
		"ipAddresses: [198.51.100.10, 198.51.100.10]", "ipAddresses: [198.51.100.1, 198.51.100.2, 198.51.100.3]",
		"ipAddresses: [0.0.0.0]", "ipAddresses: [127.0.0.1]", "ipAddresses: [224.0.0.1]"},
	"spec.tags": {"tags: {team: a}", "tags: {'aws:team': a}", "tags: {'': a}", "tags: {" + strings.Repeat("k", 129) + ": a}",
		"tags: {k: " + strings.Repeat("v", 257) + "}", "tags: {" + counted(47, "#: v") + "}",
		"tags: {" + counted(46, "#: v") + "}"},
	"spec.listeners[].protocol":       {"listeners: [{" + listens + "}]", "listeners: [{" + strings.Replace(listens, "TCP", "TLS", 1) + "}]"},
	"spec.listeners[].clientAffinity": {"listeners: [{clientAffinity: SOURCE_IP, " + listens + "}]", "listeners: [{clientAffinity: COOKIE, " + listens + "}]"},
	"spec.listeners[].portRanges": {"listeners: [{protocol: TCP, portRanges: [{fromPort: 0, toPort: 1}]}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 1, toPort: 65536}]}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 1, toPort: 65535}]}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 2, toPort: 1}]}]", "listeners: [{protocol: TCP, portRanges: []}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 1, toPort: 5}, {fromPort: 5, toPort: 6}]}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 1, toPort: 5}]}, {protocol: TCP, portRanges: [{fromPort: 3, " +
			"toPort: 3}]}]",
		"listeners: [{protocol: TCP, portRanges: [{fromPort: 1, toPort: 5}]}, {protocol: UDP, portRanges: [{fromPort: 3, " +
			"toPort: 3}]}]"},
	"spec.listeners[].endpointGroups[].region": {specOf("region: eu-west-1"), specOf("region: nowhere"),
		specOf("region: us-west-9z"), specOf("region: 'eu west'")},
	"spec.listeners[].endpointGroups[].trafficDialPercentage": {specOf("trafficDialPercentage: 0"),
		specOf("trafficDialPercentage: 100"), specOf("trafficDialPercentage: 101"), specOf("trafficDialPercentage: -1")},
	"spec.listeners[].endpointGroups[].portOverrides": {overridden("{listenerPort: 80, endpointPort: 8080}"),
		overridden("{listenerPort: 79, endpointPort: 8080}"), overridden("{listenerPort: 80, endpointPort: 81}"),
		overridden("{listenerPort: 80, endpointPort: 0}"), overridden("{listenerPort: 80, endpointPort: 65536}"),
		overridden("{listenerPort: 80, endpointPort: 8080}, {listenerPort: 80, endpointPort: 8081}"),
		overridden("{listenerPort: 80, endpointPort: 8080}, {listenerPort: 81, endpointPort: 8080}"),
		overridden("{listenerPort: 80, endpointPort: 1000}, {listenerPort: 81, endpointPort: 1001}, {listenerPort: 82, " +
			"endpointPort: 1002}, {listenerPort: 83, endpointPort: 1003}, {listenerPort: 84, endpointPort: 1004}, " +
			"{listenerPort: 85, endpointPort: 1005}, {listenerPort: 86, endpointPort: 1006}, {listenerPort: 87, " +
			"endpointPort: 1007}, {listenerPort: 88, endpointPort: 1008}, {listenerPort: 89, endpointPort: 1009}, " +
			"{listenerPort: 90, endpointPort: 1010}")},
	"spec.listeners[].endpointGroups[].endpoints[].weight": {specOf("endpoints: [{type: EndpointID, endpointID: $, weight: 0}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: $, weight: 255}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: $, weight: 256}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: $, weight: -1}]")},
	"spec.listeners[].endpointGroups[].endpoints[].endpointID": {specOf(twice),
		specOf("endpoints: [{type: EndpointID, endpointID: web}]"), specOf("endpoints: [{type: EndpointID, endpointID: ''}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: 'arn:aws:s3:::bucket'}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: 'arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/a/b'}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: 'arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/gwy/a/b'}]"),
		specOf("endpoints: [{type: EndpointID, endpointID: 'arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/classic'}]"),
		specOf("region: eu-west-1, endpoints: [{type: EndpointID, endpointID: $}]"),
		specOf("region: eu-west-1, endpoints: [" + counted(11, "{type: EndpointID, endpointID: eipalloc-#}") + "]")},
}

// TestAcceleratorsAreRefusedExactlyAsAWSRefusesThem declares each value, and sends the same to the simulator.
func TestAcceleratorsAreRefusedExactlyAsAWSRefusesThem(t *testing.T) {
	t.Parallel()
	definition := acceleratorSchema(t)
	refused := 0
	for field, specs := range acceleratorValues {
		for _, text := range specs {
			b := newAcceleratorBench(t)
			text = strings.ReplaceAll(text, "$", b.balancer)
			why, answer := b.told(definition, text), b.send(text)
			if (why == "") != (answer == "") && !strings.HasSuffix(text, stricter) {
				t.Errorf("%s: %s\nthe project says %q, the simulator %q", field, text, why, answer)
			}
			if answer != "" {
				refused++
			}
		}
	}
	if refused < 35 {
		t.Errorf("the simulator refuses %d declarations", refused)
	}
}

// TestEachBoundOfAcceleratorsHasAValue goes over the schema: what it bounds has a row of values.
func TestEachBoundOfAcceleratorsHasAValue(t *testing.T) {
	t.Parallel()
	var walk func(path string, s schema.Schema)
	walk = func(path string, s schema.Schema) {
		bounded := s.Pattern != "" || s.Enum != nil || s.Minimum != nil || s.Maximum != nil || s.MinLength != nil ||
			s.MaxLength != nil || s.MinItems != nil || s.MaxItems != nil
		kubernetes := strings.HasSuffix(path, ".type") // of the reference; AWS does not see it
		if covered := func() bool {
			for field := range acceleratorValues {
				if strings.HasPrefix(path, field) {
					return true
				}
			}
			return false
		}(); bounded && !covered && !kubernetes {
			t.Errorf("%s has bounds and no values here", path)
		}
		for name, p := range s.Properties {
			walk(path+"."+name, p)
		}
		if s.Items != nil {
			walk(path+"[]", *s.Items)
		}
	}
	walk("spec", acceleratorSchema(t).Properties["spec"])
}

func acceleratorSchema(t *testing.T) schema.Schema {
	t.Helper()
	for _, text := range crd.All() {
		d, err := schema.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if d.Kind == "GlobalAccelerator" {
			return d.Schema
		}
	}
	t.Fatal("there is no definition of GlobalAccelerators")
	return schema.Schema{}
}

// acceleratorBench is a simulated account with a network load balancer.
type acceleratorBench struct {
	*testing.T
	sim      *awssim.Simulator
	account  *account.Account
	balancer string
}

func newAcceleratorBench(t *testing.T) *acceleratorBench {
	t.Helper()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	sim, err := awssim.New(awssim.Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	base := &bench{T: t, sim: sim, resources: map[constraint.Subject]string{}}
	b := &acceleratorBench{T: t, sim: sim, balancer: base.balancer("network")}
	now.Advance(time.Hour)
	b.account = account.New(awsclient.Clients{ELBV2: sim.Balancing, Accelerators: sim.Edge},
		declare.Config{Cluster: "demo", Region: "us-west-2"}, time.Hour, now.Now)
	return b
}

// told is why the project refuses a declaration: the schema, or the checks of admission; empty if it does not.
func (b *acceleratorBench) told(s schema.Schema, text string) string {
	b.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		b.Fatal(err)
	}
	for _, p := range s.Check(map[string]any{"spec": value}) {
		return p.Text
	}
	for _, f := range check.Spec(b.spec(text), "default", "us-west-2") {
		if !f.Uncertain {
			return f.Text
		}
	}
	return ""
}

func (b *acceleratorBench) spec(text string) *agav1beta1.GlobalAcceleratorSpec {
	b.Helper()
	spec := &agav1beta1.GlobalAcceleratorSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	return spec
}

// send sends what a declaration says, unchecked, as the controller does. It returns what AWS refuses as invalid.
func (b *acceleratorBench) send(text string) string {
	b.Helper()
	spec := b.spec(text)
	d := accelerator.Declared{Key: declare.KeyOf("default", "web"), UID: "uid", Name: "default-web",
		IPAddressType: accelerator.IPV4, IPAddresses: spec.IPAddresses, Tags: map[string]string{"a-1": "", "a-2": "", "a-3": "",
			"a-4": ""}}
	if spec.Name != nil {
		d.Name = *spec.Name
	}
	if spec.IPAddressType != "" {
		d.IPAddressType = string(spec.IPAddressType)
	}
	maps.Copy(d.Tags, spec.Tags)
	for i := range spec.Listeners {
		d.Listeners = append(d.Listeners, lowered(&spec.Listeners[i]))
	}
	r := b.account.Run(b.Context(), diff.Plan(d, accelerator.Observed{}), nil)
	for _, p := range r.Problems {
		return p.Text
	}
	if !r.Complete() {
		return "the plan is not carried out"
	}
	return ""
}

func lowered(l *agav1beta1.Listener) accelerator.Listener {
	out := accelerator.Listener{Ports: check.Ranges(l.PortRanges), Affinity: accelerator.NoAffinity}
	if l.Protocol != nil {
		out.Protocol = string(*l.Protocol)
	}
	if l.ClientAffinity != "" {
		out.Affinity = string(l.ClientAffinity)
	}
	for i := range l.EndpointGroups {
		g := &l.EndpointGroups[i]
		group := accelerator.Group{Region: "us-west-2", Dial: 100}
		if g.Region != nil {
			group.Region = *g.Region
		}
		if g.TrafficDialPercentage != nil {
			group.Dial = float32(*g.TrafficDialPercentage)
		}
		for _, o := range g.PortOverrides {
			group.Overrides = append(group.Overrides, accelerator.Override{ListenerPort: o.ListenerPort,
				EndpointPort: o.EndpointPort})
		}
		for j := range g.Endpoints {
			e := accelerator.Endpoint{Weight: 128, ID: *g.Endpoints[j].EndpointID}
			if w := g.Endpoints[j].Weight; w != nil {
				e.Weight = *w
			}
			group.Endpoints = append(group.Endpoints, e)
		}
		out.Groups = append(out.Groups, group)
	}
	return out
}
