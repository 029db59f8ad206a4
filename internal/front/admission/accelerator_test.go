package admission

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestInvalidGlobalAcceleratorIsRefusedWithEveryError(t *testing.T) {
	t.Parallel()
	const (
		right = "{listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: " +
			"[{type: Service, name: web}]}]}]}"
		twice = "{listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: " +
			"[{type: Service, name: web}, {type: Service, name: web, namespace: ns}]}]}]}"
		both = "{ipAddresses: [x], listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}]}, {protocol: " +
			"TCP, portRanges: [{fromPort: 80, toPort: 80}]}]}"
		addition = "ipAddressType: DUAL_STACK, "
	)
	for name, tc := range map[string]struct {
		old, new, check string
		says            []string
		single          bool // the refusal is about one field
	}{
		"right":            {new: right},
		"nothing declared": {new: "{}"},
		"an endpoint twice": {new: twice, check: "checkForDuplicateEndpoints", single: true, says: []string{
			"duplicate endpoint detected in listener[0].endpointGroups[0]: Service/ns/web " +
				"(spec.listeners[0].endpointGroups[0].endpoints[1]); remove one of them"}},
		"two errors": {new: both, check: "checkIPAddresses", says: []string{
			`"x" is not an IP address (spec.ipAddresses[0])`, "overlapping port ranges detected for protocol TCP, which is " +
				"not allowed: 80 of listener[0] and 80 of listener[1]"}},
		"errors that were there": {old: twice, new: twice},
		"errors beside an edit": {old: twice, new: "{" + addition + twice[1:], check: "checkForDuplicateEndpoints",
			single: true, says: []string{"duplicate endpoint"}},
		"another region's load balancer": {new: strings.Replace(right, "endpoints:", "region: eu-west-1, endpoints:", 1),
			says: []string{"the endpoint group is in region eu-west-1, and load balancers of the cluster are in us-west-2"}},
	} {
		old, now := spec[agav1beta1.GlobalAccelerator](t, tc.old), spec[agav1beta1.GlobalAccelerator](t, tc.new)
		got := GlobalAccelerator("us-west-2", old, now)
		text := got.Denied + strings.Join(got.Warnings, "\n")
		if got.Check != tc.check || (got.Denied != "") != (tc.check != "") || (got.Finding != nil) != tc.single ||
			len(tc.says) == 0 && text != "" {
			t.Errorf("%s: %+v, want %s", name, got, tc.check)
		}
		if f := got.Finding; f != nil && (f.Code != diag.InvalidAccelerator || f.Class != diag.Invalid || f.Path == "") {
			t.Errorf("%s: %+v", name, f)
		}
		for _, s := range tc.says {
			if !strings.Contains(text, s) {
				t.Errorf("%s: %q does not say %q", name, text, s)
			}
		}
	}
}

func TestAGlobalAcceleratorThatIsDeletedIsAdmittedWhateverItHolds(t *testing.T) {
	t.Parallel()
	old, now := spec[agav1beta1.GlobalAccelerator](t, "{}"), spec[agav1beta1.GlobalAccelerator](t, "{ipAddresses: [x]}")
	now.DeletionTimestamp = &metav1.Time{}
	if got := GlobalAccelerator("us-west-2", old, now); got.Denied != "" {
		t.Error(got.Denied)
	}
}

func TestAddressChangeOfExistingAcceleratorIsWarnedOf(t *testing.T) {
	t.Parallel()
	old, now := spec[agav1beta1.GlobalAccelerator](t, "{ipAddresses: [198.51.100.10]}"),
		spec[agav1beta1.GlobalAccelerator](t, "{ipAddresses: [198.51.100.11]}")
	if got := GlobalAccelerator("us-west-2", old, now); got.Denied != "" || len(got.Warnings) > 0 {
		t.Errorf("before it exists: %+v", got)
	}
	old.Status.AcceleratorARN = ptr.To("arn")
	if got := GlobalAccelerator("us-west-2", old, now); got.Denied != "" || len(got.Warnings) != 1 ||
		!strings.Contains(got.Warnings[0], "only at its creation") {
		t.Errorf("%+v", got)
	}
}

func TestALongListOfErrorsIsCut(t *testing.T) {
	t.Parallel()
	ga := &agav1beta1.GlobalAccelerator{Spec: agav1beta1.GlobalAcceleratorSpec{Listeners: make([]agav1beta1.Listener, 10)}}
	if got := GlobalAccelerator("us-west-2", nil, ga); !strings.HasSuffix(got.Denied, ". and 12 more") {
		t.Error(got.Denied)
	}
}
