package gateway

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// recorded is a Gateway with annotations and one configuration of its own.
func recorded(class, listeners, annotations, spec string) string {
	return strings.Replace(configured(class, listeners, spec), "Gateway shop/web {",
		"Gateway shop/web {metadata: {annotations: {"+annotations+"}}, ", 1)
}

func TestAddOnIsRecordedBeforeCreation(t *testing.T) {
	t.Parallel()
	all :=
		`gateway.k8s.aws.addon.wafv2: "true", gateway.k8s.aws.addon.shield: "true", gateway.k8s.aws.addon.provisionedcapacity: "1"`
	wanted :=
		`wafV2: {webACL: "arn:waf"}, shieldConfiguration: {enabled: true}, minimumLoadBalancerCapacity: {capacityUnits: 7}`
	off := `shieldConfiguration: {enabled: false}, minimumLoadBalancerCapacity: {capacityUnits: 0}`
	removal := "none, false set, 0 set; removed gateway.k8s.aws.addon.wafv2 gateway.k8s.aws.addon.shield " +
		"gateway.k8s.aws.addon.provisionedcapacity"
	for name, c := range map[string]struct {
		annotations, spec, want string
		record                  []string
	}{
		"wanted for the first time": {"", wanted, "arn:waf, true set, 7 set; removed",
			[]string{AddOnCapacity, AddOnShield, AddOnWebACL}},
		"wanted after a removal": {strings.NewReplacer(`"true"`, `"false"`, `"1"`, `"false"`).Replace(all), wanted,
			"arn:waf, true set, 7 set; removed", []string{AddOnCapacity, AddOnShield, AddOnWebACL}},
		"wanted and recorded":         {all, wanted, "arn:waf, true set, 7 set; removed", nil},
		"gone and recorded":           {all, "", removal, nil},
		"switched off and recorded":   {all, off, removal, nil},
		"gone and never made":         {"", "", ", false, 0; removed", nil},
		"switched off and never made": {"", off, ", false, 0; removed", nil},
		"gone, with a record of nothing": {`gateway.k8s.aws.addon.wafv2: "maybe", gateway.k8s.aws.addon.shield: "false"`, "",
			", false, 0; removed", nil},
	} {
		m, d := translated(t, albKey(), recorded("alb", httpListener, c.annotations, c.spec))
		a := m.Settings.AddOns
		show := func(text string, set bool) string {
			if set {
				text += " set"
			}
			return text
		}
		got := a.WebACL.Value + ", " + show(map[bool]string{true: "true", false: "false"}[a.Shield.Value], a.Shield.Set) +
			", " +
			show(map[int32]string{0: "0", 7: "7"}[a.Capacity.Value], a.Capacity.Set) + "; " +
			strings.Join(append([]string{"removed"}, d.Removed...), " ")
		record := slices.DeleteFunc(slices.Sorted(maps.Keys(d.Annotations)), func(k string) bool {
			return k == ConstructionAnnotation
		})
		if got != c.want || !slices.Equal(record, c.record) {
			t.Errorf("%s: %s, want %s; recorded %v", name, got, c.want, record)
		}
		for _, k := range record {
			if d.Annotations[k] != "true" {
				t.Errorf("%s: %s = %s", name, k, d.Annotations[k])
			}
		}
	}
}

func TestNetworkLoadBalancersOfGatewaysHaveCapacityOnly(t *testing.T) {
	t.Parallel()
	m, d := translated(t, nlbKey(),
		recorded("nlb", tcpListener, `gateway.k8s.aws.addon.wafv2: "true", gateway.k8s.aws.addon.provisionedcapacity: "true"`,
			""))
	want := intent.AddOns{Capacity: intent.Of(int32(0), intent.At(m.Object, "metadata.annotations["+AddOnCapacity+"]"))}
	if diff := cmp.Diff(want, m.Settings.AddOns); diff != "" || !slices.Equal(d.Removed, []string{AddOnCapacity}) {
		t.Error(diff, d.Removed)
	}
}

// TestTheRecordOfAddOnsStaysWhileTheConfigurationIsNotKnown names a configuration that does not exist: it may want what
// is recorded.
func TestTheRecordOfAddOnsStaysWhileTheConfigurationIsNotKnown(t *testing.T) {
	t.Parallel()
	text := strings.Replace(recorded("alb", httpListener, `gateway.k8s.aws.addon.wafv2: "true"`, ""), "name: own}}",
		"name: missing}}", 1)
	m, d := translated(t, albKey(), text)
	if m.Settings.AddOns.WebACL.Set || len(d.Removed) > 0 || !m.Former {
		t.Errorf("%+v %v", m.Settings.AddOns, d.Removed)
	}
}
