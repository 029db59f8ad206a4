package check

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
)

var (
	portRange    = regexp.MustCompile(`\b(\d+)-(\d+)\b`)
	portOverride = regexp.MustCompile(`\b(\d+)>(\d+)\b`)
)

// parse reads a spec in YAML, in which 80-90 is a port range and 80>8080 a port override.
func parse(t *testing.T, text string) *agav1beta1.GlobalAcceleratorSpec {
	t.Helper()
	text = portRange.ReplaceAllString(text, "{fromPort: $1, toPort: $2}")
	text = portOverride.ReplaceAllString(text, "{listenerPort: $1, endpointPort: $2}")
	spec := &agav1beta1.GlobalAcceleratorSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return spec
}

// repeated is an item as often as it says, with # as its number from 1 on.
func repeated(n int, item string) string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(item, "#", fmt.Sprint(i+1)))
	}
	return strings.Join(out, ", ")
}

const (
	tcp80 = "protocol: TCP, portRanges: [80-80]"
	web   = "{type: Service, name: web}"
	nlb   = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/web/0123456789abcdef"

	group0 = "spec.listeners[0].endpointGroups[0]"
)

// group is a spec with one listener with one endpoint group.
func group(text string) string {
	return "listeners: [{" + tcp80 + ", endpointGroups: [{" + text + "}]}]"
}

type certain struct {
	spec  string // in the notation of parse
	check Check
	want  []string // path: beginning of the text
}

func certainEndpoints() map[string]certain {
	return map[string]certain{
		"nothing declared": {"{}", "", nil},
		"one ARN twice": {group("endpoints: [{type: EndpointID, endpointID: '" + nlb +
			"'}, {type: EndpointID, endpointID: '" + nlb + "'}]"), DuplicateEndpoints, []string{group0 +
			".endpoints[1]: duplicate endpoint detected in listener[0].endpointGroups[0]: EndpointID/" + nlb}},
		"one Service twice": {group("endpoints: [" + web + ", {type: Service, name: web, namespace: default}]"),
			DuplicateEndpoints, []string{group0 + ".endpoints[1]: duplicate endpoint detected in " +
				"listener[0].endpointGroups[0]: Service/default/web"}},
		"one Service twice, namespace ''": {group("endpoints: [" + web + ", {type: Service, name: web, namespace: ''}]"),
			DuplicateEndpoints, []string{group0 + ".endpoints[1]: duplicate endpoint"}},
		"one name of two types": {group("endpoints: [" + web + ", {type: Ingress, name: web}, {type: Gateway, name: web}]"),
			"", nil},
		"one name of two namespaces": {group("endpoints: [" + web + ", {type: Service, name: web, namespace: shop}]"), "",
			nil},
		"one endpoint in two groups": {"listeners: [{" + tcp80 + ", endpointGroups: [{endpoints: [" + web +
			"]}, {region: eu-west-1, endpoints: [{type: EndpointID, endpointID: eipalloc-1}]}]}, {protocol: UDP, portRanges: " +
			"[80-80], endpointGroups: [{endpoints: [" + web + "]}]}]", "", nil},
		"an endpoint without an id": {group("endpoints: [{type: EndpointID, endpointID: ''}]"), Endpoints, []string{group0 +
			".endpoints[0].endpointID: EndpointID is required for EndpointID type"}},
		"an endpoint without a name": {group("endpoints: [{type: Gateway, name: ''}]"), Endpoints, []string{group0 +
			".endpoints[0].name: the endpoint has no name of the Gateway"}},
		"an endpoint that names nothing": {group("endpoints: [{type: Gateway}]"), Endpoints, []string{group0 +
			".endpoints[0]: the endpoint has no name of the Gateway"}},
		"an endpoint of another region": {group("region: eu-west-1, endpoints: [{type: EndpointID, endpointID: '" + nlb +
			"'}]"), Endpoints, []string{group0 + ".endpoints[0].endpointID: the load balancer " + nlb +
			" is in region us-west-2, and the endpoint group in eu-west-1"}},
		"eleven endpoints": {group("endpoints: [" + repeated(11, "{type: Service, name: web-#}") + "]"), Limits, []string{
			group0 + ".endpoints: the endpoint group has 11 endpoints, and AWS allows 10"}},
		"two groups of a region": {"listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1}, {region: " +
			"us-east-1}, {region: eu-west-1}]}]", DuplicateRegions, []string{"spec.listeners[0].endpointGroups[2].region: " +
			"duplicate region detected in listener[0]: endpointGroups[0] and endpointGroups[2] are both in eu-west-1"}},
		"the cluster's region, twice": {"listeners: [{" + tcp80 + ", endpointGroups: [{region: us-west-2}, {}]}]",
			DuplicateRegions, []string{"spec.listeners[0].endpointGroups[1].region: duplicate region detected in listener[0]"}},
	}
}

func certainPorts() map[string]certain {
	return map[string]certain{
		"discovered":          {"listeners: [{endpointGroups: [{endpoints: [" + web + "]}]}]", "", nil},
		"discovered ports":    {"listeners: [{protocol: UDP, endpointGroups: [{endpoints: [" + web + "]}]}]", "", nil},
		"discovered protocol": {"listeners: [{portRanges: [80-80], endpointGroups: [{endpoints: [" + web + "]}]}]", "", nil},
		"two endpoints to discover of": {"listeners: [{endpointGroups: [{endpoints: [" + web +
			", {type: Service, name: shop}]}]}]", Listeners, []string{"spec.listeners[0].protocol: listener protocol must be " +
			"specified: it is that", "spec.listeners[0].portRanges: listener port ranges must be specified: they are those"}},
		"no endpoint to discover of": {"listeners: [{protocol: TCP}]", Listeners, []string{
			"spec.listeners[0].portRanges: listener port ranges must be specified"}},
		"a second listener to discover of": {"listeners: [{" + tcp80 + "}, {portRanges: [443-443], endpointGroups: " +
			"[{endpoints: [" + web + "]}]}]", Listeners, []string{"spec.listeners[1].protocol: listener protocol must be " +
			"specified"}},
		"an address to discover of": {"listeners: [{endpointGroups: [{endpoints: [{type: EndpointID, endpointID: " +
			"eipalloc-1}]}]}]", Listeners, []string{"spec.listeners[0]: protocol and port ranges must be specified: " +
			"eipalloc-1 is not a load balancer"}},
		"a load balancer to discover of": {"listeners: [{endpointGroups: [{endpoints: [{type: EndpointID, endpointID: '" +
			nlb + "'}]}]}]", "", nil},
		"overlapping listeners": {"listeners: [{" + tcp80 + "}, {protocol: TCP, portRanges: [443-443, 70-90]}]",
			OverlappingPortRanges, []string{"spec.listeners[1].portRanges[1]: overlapping port ranges detected for protocol " +
				"TCP, which is not allowed: 80 of listener[0] and 70-90 of listener[1]"}},
		"ranges that touch": {"listeners: [{protocol: TCP, portRanges: [80-90]}, {protocol: TCP, portRanges: [90-100]}]",
			OverlappingPortRanges, []string{"spec.listeners[1].portRanges[0]: overlapping port ranges detected for protocol " +
				"TCP"}},
		"ranges that are adjacent": {"listeners: [{protocol: TCP, portRanges: [80-90]}, {protocol: TCP, portRanges: " +
			"[91-100]}]", "", nil},
		"overlapping ranges of a listener": {"listeners: [{protocol: UDP, portRanges: [80-90, 85-85]}]",
			OverlappingPortRanges, []string{"spec.listeners[0].portRanges[1]: overlapping port ranges detected for protocol " +
				"UDP"}},
		"overlapping ranges, no protocol": {"listeners: [{portRanges: [80-90, 85-85], endpointGroups: [{endpoints: [" + web +
			"]}]}]", OverlappingPortRanges, []string{"spec.listeners[0].portRanges[1]: overlapping port ranges detected in " +
			"the listener"}},
		"one range of two protocols": {"listeners: [{" + tcp80 + "}, {protocol: UDP, portRanges: [80-80]}]", "", nil},
		"eleven port ranges": {"listeners: [{protocol: TCP, portRanges: [" + repeated(11, "#00-#00") + "]}]", Limits,
			[]string{"spec.listeners[0].portRanges: the listener has 11 port ranges, and AWS allows 10"}},
	}
}

func certainOverrides() map[string]certain {
	return map[string]certain{
		"an override": {group("portOverrides: [80>8080]"), "", nil},
		"an override without ports": {"listeners: [{endpointGroups: [{portOverrides: [80>8080], endpoints: [" + web +
			"]}]}]", "", nil},
		"an override of no listener's port": {group("portOverrides: [81>8080]"), PortOverrides, []string{group0 +
			".portOverrides[0].listenerPort: port override listener port 81 is not within any listener port ranges: 80"}},
		"an override to a listener's port": {"listeners: [{" + tcp80 + ", endpointGroups: [{portOverrides: [80>90]}]}, " +
			"{protocol: UDP, portRanges: [85-90]}]", PortOverrides, []string{group0 +
			".portOverrides[0].endpointPort: port override endpoint port 90 is within the port ranges of listener[1]"}},
		"an override twice": {"listeners: [{protocol: TCP, portRanges: [80-81], endpointGroups: [{portOverrides: " +
			"[80>8080, 80>8081]}]}]", PortOverrides, []string{group0 + ".portOverrides[1].listenerPort: duplicate port " +
			"override listener port 80"}},
		"overrides to one port": {"listeners: [{protocol: TCP, portRanges: [80-81], endpointGroups: [{portOverrides: " +
			"[80>8080, 81>8080]}]}]", PortOverrides, []string{group0 + ".portOverrides[1].endpointPort: duplicate port " +
			"override endpoint port 8080"}},
		"overrides of two listeners to one": {"listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1, " +
			"portOverrides: [80>8080]}]}, {protocol: UDP, portRanges: [53-53], endpointGroups: [{portOverrides: [53>8080]}]}]",
			PortOverrides, []string{"spec.listeners[1].endpointGroups[0].portOverrides[0].endpointPort: port override " +
				"endpoint port 8080 is used by listener[0], too"}},
		"overrides of two groups to one": {"listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1, " +
			"portOverrides: [80>8080]}, {portOverrides: [80>8080]}]}]", "", nil},
		"eleven overrides": {"listeners: [{protocol: TCP, portRanges: [1-20], endpointGroups: [{portOverrides: [" +
			repeated(11, "#>80#") + "]}]}]", Limits, []string{group0 + ".portOverrides: the endpoint group has 11 port " +
			"overrides, and AWS allows 10"}},
	}
}

func certainAddressesAndTags() map[string]certain {
	return map[string]certain{
		"addresses": {"ipAddresses: [198.51.100.10, 198.51.100.11]", "", nil},
		"no address": {"ipAddresses: [198.51.100]", IPAddresses, []string{
			`spec.ipAddresses[0]: "198.51.100" is not an IP address`}},
		"an address of IPv6": {"ipAddresses: ['2001:db8::1']", IPAddresses, []string{
			"spec.ipAddresses[0]: 2001:db8::1 is not an IPv4 address"}},
		"a private address": {"ipAddresses: [10.0.0.1]", IPAddresses, []string{
			"spec.ipAddresses[0]: 10.0.0.1 is not a public address"}},
		"an address twice": {"ipAddresses: [198.51.100.10, 198.51.100.10]", IPAddresses, []string{
			"spec.ipAddresses[1]: 198.51.100.10 is there twice"}},
		"a tag of AWS": {"tags: {'aws:team': blue}", Tags, []string{"spec.tags[aws:team]: the key aws:team begins with " +
			"aws:"}},
		"a tag with a long key": {"tags: {" + strings.Repeat("k", 129) + ": blue}", Tags, []string{"spec.tags[" +
			strings.Repeat("k", 129) + "]: the key of a tag has 129 characters, not 1 to 128"}},
		"a tag with a long value": {"tags: {team: " + strings.Repeat("v", 257) + "}", Tags, []string{
			"spec.tags[team]: the value of tag team has 257 characters, and AWS allows 256"}},
		"forty-seven tags": {"tags: {" + repeated(47, "k#: v") + "}", Limits, []string{
			"spec.tags: 47 tags are declared, and AWS allows 50 of an accelerator, of which the controller uses 4"}},
		"forty-six tags": {"tags: {" + repeated(46, "k#: v") + "}", "", nil},
	}
}

func TestWhatAWSIsCertainToRefuseIsFound(t *testing.T) {
	t.Parallel()
	for _, cases := range []map[string]certain{certainEndpoints(), certainPorts(), certainOverrides(),
		certainAddressesAndTags()} {
		for name, tc := range cases {
			found := Spec(parse(t, tc.spec), "default", "us-west-2")
			if len(found) != len(tc.want) {
				t.Errorf("%s: %d findings, want %d: %v", name, len(found), len(tc.want), found)
				continue
			}
			for i, f := range found {
				if got := f.Path + ": " + f.Text; !strings.HasPrefix(got, tc.want[i]) || f.Check != tc.check ||
					f.Remedy == "" || f.Uncertain {
					t.Errorf("%s: %+v\nwant %s %s", name, f, tc.check, tc.want[i])
				}
			}
		}
	}
}

func TestWhatAWSMayRefuseOrDoesNotSeeIsUncertain(t *testing.T) {
	t.Parallel()
	for want, spec := range map[string]string{
		"spec.listeners: 11 listeners are declared, and AWS allows 10": "listeners: [" +
			repeated(11, "{protocol: TCP, portRanges: [#00-#00]}") + "]",
		"spec.listeners: 43 endpoint groups are declared, and AWS allows 42": "listeners: [{" + tcp80 +
			", endpointGroups: [" + repeated(43, "{region: us-west-#}") + "]}]",
		"spec.listeners[0].endpointGroups[0].endpoints[0]: the endpoint group is in region eu-west-1, and " +
			"load balancers of": "listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1, endpoints: [" + web + "]}]}]",
		"spec.listeners[0].endpointGroups[0].endpoints[0].namespace: namespace shop has no effect": "listeners: [{" + tcp80 +
			", endpointGroups: [{endpoints: [{type: EndpointID, endpointID: '" + nlb + "', namespace: shop}]}]}]",
	} {
		found := Spec(parse(t, spec), "default", "us-west-2")
		if len(found) != 1 || !strings.HasPrefix(found[0].Path+": "+found[0].Text, want) || !found[0].Uncertain ||
			found[0].Remedy == "" {
			t.Errorf("%s: %+v", want, found)
		}
	}
}

func TestUnknownRegionComparesGivenRegionsOnly(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]int{
		"listeners: [{" + tcp80 +
			", endpointGroups: [{region: us-west-2}, {}]}]": 0,
		"listeners: [{" + tcp80 +
			", endpointGroups: [{}, {}]}]": 1,
		"listeners: [{" + tcp80 + ", endpointGroups: [{endpoints: [{type: EndpointID, endpointID: '" + nlb +
			"'}]}]}]": 0,
		"listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1, endpoints: [" + web +
			"]}]}]": 0,
		"listeners: [{" + tcp80 + ", endpointGroups: [{region: eu-west-1, endpoints: [{type: EndpointID, endpointID: '" +
			nlb + "'}]}]}]": 1,
	} {
		if found := Spec(parse(t, spec), "default", ""); len(found) != want {
			t.Errorf("%s: %v, want %d", spec, found, want)
		}
	}
}

func TestAChangeOfAddressesHasNoEffectAndAnotherOrderIsNone(t *testing.T) {
	t.Parallel()
	a := parse(t, "ipAddresses: [198.51.100.10, 198.51.100.11]")
	for spec, want := range map[string]int{
		"ipAddresses: [198.51.100.11, 198.51.100.10]": 0, "ipAddresses: [198.51.100.10]": 1, "{}": 1,
		"ipAddresses: [198.51.100.10, 198.51.100.12]": 1,
	} {
		found := Update(a, parse(t, spec))
		if len(found) != want || want == 1 && (!found[0].Uncertain || found[0].Path != "spec.ipAddresses") {
			t.Errorf("%s: %+v", spec, found)
		}
	}
}
