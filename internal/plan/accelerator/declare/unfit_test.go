package declare

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/leaffields"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// unfitField is a field of a GlobalAccelerator: values that it cannot have beside those that few fields have, and
// whether a valid value asks that some requests are no longer served as before.
type unfitField struct {
	unfit []any
	asks  bool
}

var unfitFields = map[string]unfitField{
	"spec.name": {}, "spec.tags": {}, "spec.ipAddresses[]": {unfit: []any{"10.0.0.1", "999.1.1.1"}},
	"spec.ipAddressType":                                      {unfit: []any{"DUAL_STACK", "Odd"}},
	"spec.listeners[].protocol":                               {unfit: []any{"UDP", "TLS"}, asks: true},
	"spec.listeners[].portRanges[].fromPort":                  {unfit: []any{80, 443, 70000, 9000}, asks: true},
	"spec.listeners[].portRanges[].toPort":                    {unfit: []any{79, 444, 70000}, asks: true},
	"spec.listeners[].clientAffinity":                         {unfit: []any{"Odd"}},
	"spec.listeners[].endpointGroups[].region":                {unfit: []any{"eu-west-1", "mars-1"}, asks: true},
	"spec.listeners[].endpointGroups[].trafficDialPercentage": {unfit: []any{101}, asks: true},
	"spec.listeners[].endpointGroups[].portOverrides[].*":     {unfit: []any{80, 443, 9000, 70000}},
	"spec.listeners[].endpointGroups[].endpoints[].type": {
		unfit: []any{"Service", "Ingress", "Gateway", "EndpointID", "Odd"}},
	"spec.listeners[].endpointGroups[].endpoints[].name":      {unfit: []any{"missing"}},
	"spec.listeners[].endpointGroups[].endpoints[].namespace": {unfit: []any{"elsewhere"}},
	"spec.listeners[].endpointGroups[].endpoints[].endpointID": {
		unfit: []any{prefix + "net/no/no"}, asks: true},
	"spec.listeners[].endpointGroups[].endpoints[].weight":                      {unfit: []any{256}, asks: true},
	"spec.listeners[].endpointGroups[].endpoints[].clientIPPreservationEnabled": {},
}

// TestUnfitFieldOfAcceleratorKeepsEndpoints sets each field of a GlobalAccelerator that serves to values that it
// cannot have. The edit is refused, so that the accelerator does not change, or each port keeps its endpoints, unless
// the edit is valid and asks for that.
func TestUnfitFieldOfAcceleratorKeepsEndpoints(t *testing.T) {
	t.Parallel()
	var patterns []string
	for p := range unfitFields {
		patterns = append(patterns, p)
	}
	of := reflect.TypeFor[agav1beta1.GlobalAccelerator]()
	if fields, unused := leaffields.Uncovered(of, patterns); len(fields)+len(unused) > 0 {
		t.Fatalf("fields without a row: %v; rows without a field: %v", fields, unused)
	}
	ga := object(listener("TCP", []int32{80, 443}, groupOf(named("Service", "web"), given(prefix+"app/api/api"))),
		listener("UDP", []int32{53}, groupOf(named("Service", "dns"))))
	before, found := declaredOf(ga)
	if refused(found) || len(servedBy(before)) != 5 {
		t.Fatalf("the accelerator does not serve: %v, %v", servedBy(before), found)
	}
	tried, kept := 0, 0
	for _, f := range leaffields.Of(of) {
		row := unfitFields[f.Path]
		if row.unfit == nil {
			for p, r := range unfitFields {
				if leaffields.Matches(p, f.Path) {
					row = r
				}
			}
		}
		for at := range 2 {
			for _, v := range slices.Concat(leaffields.Unfit(f.Type), row.unfit) {
				edited, ok := leaffields.Set(ga, f.Path, at, v)
				one, is := edited.(*agav1beta1.GlobalAccelerator)
				if !ok || !is {
					continue
				}
				tried++
				after, found := declaredOf(one)
				if refused(found) || after.Deferred {
					kept++
					continue
				}
				for _, s := range servedBy(before) {
					if !row.asks && !slices.Contains(servedBy(after), s) {
						t.Errorf("%s (%d) = %v: %s is lost; findings %v", f.Path, at, v, s, found)
					}
				}
			}
		}
	}
	if kept < tried/5 {
		t.Errorf("%d of %d edits are refused", kept, tried)
	}
}

func refused(found diag.List) bool {
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Code == diag.InvalidAccelerator && d.Class != diag.Note
	})
}

// declaredOf is what an accelerator in front of two Services and a load balancer declares.
func declaredOf(ga *agav1beta1.GlobalAccelerator) (accelerator.Declared, diag.List) {
	web, dns := "web-1.elb.us-west-2.amazonaws.com", "dns-1.elb.us-west-2.amazonaws.com"
	v := objects.FromObjects([]any{service("web", web, "tcp 80", "tcp 443"), service("dns", dns, "udp 53")})
	answers := Answers{
		web:                    {ARN: prefix + "net/web/web", Network: true, SecurityGroups: true},
		dns:                    {ARN: prefix + "net/dns/dns", Network: true, SecurityGroups: true},
		prefix + "app/api/api": {ARN: prefix + "app/api/api"}}
	m := Memory{Balancers: map[string]string{"Service/default/web": prefix + "net/web/web",
		"Service/default/dns": prefix + "net/dns/dns"}}
	endpoints := Endpoints(v, ga)
	m.Stands = Stands(ga, endpoints, answers, m)
	return Accelerator(config, ga, endpoints, answers, m)
}

// servedBy are the ports with their endpoints, also those that stay if AWS has them.
func servedBy(d accelerator.Declared) (out []string) {
	for _, l := range d.Listeners {
		for _, r := range l.Ports {
			for port := r.From; port <= r.To; port++ {
				for _, g := range l.Groups {
					serves := g.Kept
					for _, e := range g.Endpoints {
						if e.Weight > 0 {
							serves = append(serves, e.ID)
						}
					}
					for _, id := range serves {
						if g.Dial > 0 {
							out = append(out, fmt.Sprint(l.Protocol, ":", port, " ", g.Region, " ", id))
						}
					}
				}
			}
		}
	}
	return out
}
