package conditions

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
)

var (
	before = metav1.NewTime(time.Unix(1e9, 0))
	now    = metav1.NewTime(time.Unix(2e9, 0))
)

// text is conditions in short: "Type=Status Reason", with the message where it is asked for.
func text(all []metav1.Condition) string {
	var out []string
	for _, c := range all {
		out = append(out, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(out, ", ")
}

func listener(reason string) *attachment.Listener {
	l := &attachment.Listener{}
	if reason != "" {
		l.Problem = &attachment.Problem{Reason: reason, Message: "because"}
	}
	return l
}

func TestConditionsOfListeners(t *testing.T) {
	t.Parallel()
	good := "Conflicted=False NoConflicts, Accepted=True Accepted, ResolvedRefs=True ResolvedRefs, "
	active := LoadBalancer{ARN: "arn", Active: true}
	for _, c := range []struct {
		reason, refs string
		lb           LoadBalancer
		want         string
	}{
		{"", "", active, good + "Programmed=True Programmed"},
		{"", "", LoadBalancer{}, good + "Programmed=False Pending"},
		{"HostnameConflict", "", active, "Conflicted=True HostnameConflict, Accepted=False HostnameConflict, " +
			"ResolvedRefs=True ResolvedRefs, Programmed=False HostnameConflict"},
		{"ProtocolConflict", "", active, "Conflicted=True ProtocolConflict, Accepted=False ProtocolConflict, " +
			"ResolvedRefs=True ResolvedRefs, Programmed=False ProtocolConflict"},
		{"PortUnavailable", "", active, "Conflicted=False NoConflicts, Accepted=False PortUnavailable, ResolvedRefs=True " +
			"ResolvedRefs, Programmed=False PortUnavailable"},
		{"UnsupportedProtocol", "", active, "Conflicted=False NoConflicts, Accepted=False UnsupportedProtocol, " +
			"ResolvedRefs=True ResolvedRefs, Programmed=False UnsupportedProtocol"},
		{"InvalidRouteKinds", "", active, "Conflicted=False NoConflicts, Accepted=True Accepted, ResolvedRefs=False " +
			"InvalidRouteKinds, Programmed=False InvalidRouteKinds"},
		{"", "InvalidCertificateRef", active, "Conflicted=False NoConflicts, Accepted=True Accepted, ResolvedRefs=False " +
			"InvalidCertificateRef, Programmed=False InvalidCertificateRef"},
		{"", "RefNotPermitted", active, "Conflicted=False NoConflicts, Accepted=True Accepted, ResolvedRefs=False " +
			"RefNotPermitted, Programmed=False RefNotPermitted"},
		{"HostnameConflict", "RefNotPermitted", active, "Conflicted=True HostnameConflict, Accepted=False " +
			"HostnameConflict, ResolvedRefs=False RefNotPermitted, Programmed=False HostnameConflict"},
	} {
		var refs *attachment.Problem
		if c.refs != "" {
			refs = &attachment.Problem{Reason: c.refs}
		}
		all := Listener(listener(c.reason), refs, c.lb, 7)
		if got := text(all); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.reason, c.refs, got, c.want)
		}
		for _, o := range all {
			if o.ObservedGeneration != 7 {
				t.Errorf("%s: generation %d", o.Type, o.ObservedGeneration)
			}
		}
	}
}

func TestConditionsOfGatewaysAndListenerSets(t *testing.T) {
	t.Parallel()
	ok, bad := listener(""), listener("PortUnavailable")
	active := LoadBalancer{ARN: "arn:alb", Active: true}
	refused := &attachment.Problem{Reason: "InvalidParameters", Message: "no such configuration"}
	for _, c := range []struct {
		name         string
		listeners    []*attachment.Listener
		refused      *attachment.Problem
		lb           LoadBalancer
		gateway, set string
	}{
		{"all good", []*attachment.Listener{ok}, nil, active, "Accepted=True Accepted, Programmed=True Programmed",
			"Accepted=True Accepted, Programmed=True Programmed"},
		{"some good", []*attachment.Listener{ok, bad}, nil, active,
			"Accepted=True ListenersNotValid, Programmed=True Programmed",
			"Accepted=True ListenersNotValid, Programmed=True Programmed"},
		{"none good", []*attachment.Listener{bad}, nil, LoadBalancer{},
			"Accepted=False ListenersNotValid, Programmed=False Invalid",
			"Accepted=False ListenersNotValid, Programmed=False ListenersNotValid"},
		{"not active", []*attachment.Listener{ok}, nil, LoadBalancer{ARN: "arn"},
			"Accepted=True Accepted, Programmed=Unknown Pending", "Accepted=True Accepted, Programmed=False Pending"},
		{"refused", []*attachment.Listener{ok}, refused, active, "Accepted=False InvalidParameters, Programmed=False Invalid",
			""},
		{"AWS refuses", []*attachment.Listener{ok}, nil, LoadBalancer{
			Failed: &attachment.Problem{Reason: "AddressNotUsable"}},
			"Accepted=True Accepted, Programmed=False AddressNotUsable", ""},
	} {
		all := Gateway(c.listeners, c.refused, c.lb, 1)
		if got := text(all); got != c.gateway {
			t.Errorf("%s: Gateway %s, want %s", c.name, got, c.gateway)
		}
		if all[1].Status == metav1.ConditionTrue && all[1].Message != "arn:alb" {
			t.Errorf("%s: message %q of Programmed, want the ARN, which other Gateways read", c.name, all[1].Message)
		}
		if got := text(ListenerSet(c.listeners, c.lb, 1)); c.set != "" && got != c.set {
			t.Errorf("%s: ListenerSet %s, want %s", c.name, got, c.set)
		}
	}
	if got := text(RejectedSet(1)); got != "Accepted=False NotAllowed, Programmed=False NotAllowed" {
		t.Error(got)
	}
}

func TestTimesMoveWithTheStatusOnlyAndConditionsOfOthersStay(t *testing.T) {
	t.Parallel()
	have := []metav1.Condition{
		{Type: "example.com/Foreign", Status: metav1.ConditionTrue, LastTransitionTime: before},
		{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted", ObservedGeneration: 1,
			LastTransitionTime: before},
		{Type: "Programmed", Status: metav1.ConditionUnknown, Reason: "Pending", LastTransitionTime: before},
	}
	got := Merge(have, []metav1.Condition{
		{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "ListenersNotValid", ObservedGeneration: 2},
		{Type: "Programmed", Status: metav1.ConditionTrue, Reason: "Programmed"},
		{Type: "New", Status: metav1.ConditionTrue},
	}, now)
	want := []metav1.Condition{
		have[0],
		{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "ListenersNotValid", ObservedGeneration: 2,
			LastTransitionTime: before},
		{Type: "Programmed", Status: metav1.ConditionTrue, Reason: "Programmed", LastTransitionTime: now},
		{Type: "New", Status: metav1.ConditionTrue, LastTransitionTime: now},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if have[1].ObservedGeneration != 1 {
		t.Error("what the status has was changed")
	}
	if diff := cmp.Diff(got, Merge(got, want[1:], metav1.NewTime(now.Add(time.Hour)))); diff != "" {
		t.Errorf("merged once more: %s", diff)
	}
}

// TestTheAPIsDefaultTimeIsNotKept has the conditions that the API server gives a new Gateway.
func TestTheAPIsDefaultTimeIsNotKept(t *testing.T) {
	t.Parallel()
	have := []metav1.Condition{{Type: "Programmed", Status: metav1.ConditionUnknown, Reason: "Pending",
		LastTransitionTime: metav1.NewTime(time.Unix(0, 0))}}
	if got := Merge(have, []metav1.Condition{{Type: "Programmed", Status: metav1.ConditionUnknown, Reason: "Pending"}},
		now)[0].LastTransitionTime; got != now {
		t.Error(got)
	}
}

func TestLongMessagesAreCutAtACharacter(t *testing.T) {
	t.Parallel()
	got := Merge(nil, []metav1.Condition{{Type: "T", Message: strings.Repeat("é", maxMessage)}}, now)[0].Message
	if len(got) > maxMessage || !strings.HasSuffix(got, "é...") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-6:])
	}
}

func TestParentsThatAreNotDecidedAboutStay(t *testing.T) {
	t.Parallel()
	const ours, other = gatewayv1.GatewayController("gateway.k8s.aws/alb"), gatewayv1.GatewayController(
		"example.com/other")
	kind, group, ns := gatewayv1.Kind("Gateway"), gatewayv1.Group(gatewayv1.GroupName), gatewayv1.Namespace("shop")
	ref := func(name string) gatewayv1.ParentReference {
		return gatewayv1.ParentReference{Name: gatewayv1.ObjectName(name)}
	}
	full := ref("a")
	full.Kind, full.Group, full.Namespace = &kind, &group, &ns // the same, with the defaults written
	entry := func(r gatewayv1.ParentReference, c gatewayv1.GatewayController, at metav1.Time,
		reason string) gatewayv1.RouteParentStatus {
		status := metav1.ConditionTrue
		return gatewayv1.RouteParentStatus{ParentRef: r, ControllerName: c, Conditions: []metav1.Condition{
			{Type: "Accepted", Status: status, Reason: reason, LastTransitionTime: at}}}
	}
	have := []gatewayv1.RouteParentStatus{
		entry(full, ours, before, "Accepted"), entry(ref("a"), other, before, "Foreign"), entry(ref("gone"), ours, before,
			"Accepted"),
		entry(ref("gone"), other, before, "Foreign"), entry(ref("b"), ours, before, "Accepted"),
	}
	have[0].Conditions = append(have[0].Conditions, metav1.Condition{Type: "PartiallyInvalid",
		Status: metav1.ConditionTrue})
	decided := []gatewayv1.RouteParentStatus{entry(ref("a"), ours, metav1.Time{}, "Judged"),
		entry(ref("c"), ours, metav1.Time{}, "Judged")}
	got, complete := Parents(have, "shop", decided, now)
	want := []gatewayv1.RouteParentStatus{
		entry(ref("a"), ours, before, "Judged"), have[1], have[2], have[3], have[4], entry(ref("c"), ours, now, "Judged"),
	}
	if diff := cmp.Diff(want, got); diff != "" || !complete {
		t.Errorf("complete %v: %s", complete, diff)
	}

	full32 := make([]gatewayv1.RouteParentStatus, maxParents)
	for i := range full32 {
		full32[i] = entry(ref(fmt.Sprint(i)), other, before, "Foreign")
	}
	if got, complete := Parents(full32, "shop", decided, now); complete || len(got) != maxParents {
		t.Errorf("%d parents, complete %v", len(got), complete)
	}
}

func TestConditionsOfRoutes(t *testing.T) {
	t.Parallel()
	p := func(reason string) *attachment.Problem { return &attachment.Problem{Reason: reason} }
	for want, got := range map[string][]metav1.Condition{
		"Accepted=True Accepted, ResolvedRefs=True ResolvedRefs": Route(nil,
			nil, nil, 1),
		"Accepted=False NoMatchingParent, ResolvedRefs=True ResolvedRefs": Route(
			p("NoMatchingParent"), nil, nil, 1),
		"Accepted=True Accepted, ResolvedRefs=False BackendNotFound": Route(nil,
			p("BackendNotFound"), nil, 1),
		"Accepted=True Accepted, ResolvedRefs=True ResolvedRefs, PartiallyInvalid=True UnsupportedValue": Route(nil, nil,
			p("UnsupportedValue"), 1),
	} {
		if text(got) != want {
			t.Errorf("%s, want %s", text(got), want)
		}
	}
}
