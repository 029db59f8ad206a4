package impact

import (
	"cmp"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// acceleratorAfter is an accelerator after its plan.
func acceleratorAfter(a *Accelerator) accelerator.Observed {
	o, values := a.Observed.Clone(), map[stack.Ref]string{}
	for _, k := range a.Plan.Known {
		values[k.Ref] = k.Value
	}
	for _, s := range carriedOut(a.Plan) {
		op, ok := s.Op.(operation.Operation)
		if !ok {
			continue
		}
		out := operation.Output{}
		if s.Action == plan.Create {
			out.ID = planned(s.Resource)
			values[s.Resource] = out.ID
		}
		op.Advance(&o, out, func(r stack.Ref) string { return cmp.Or(r.Literal, values[r]) })
	}
	return o
}

// acceleratorChanges are the ports by which an accelerator opens or closes endpoints to the internet, and the end of
// its name. An endpoint may be an internal load balancer.
func acceleratorChanges(a *Accelerator, is accelerator.Observed) (out []Change) {
	of := a.Plan.Key.String()
	before, after := endpointOpenings(&a.Observed), endpointOpenings(&is)
	var endpoints []string
	for _, o := range append(before, after...) {
		endpoints = union(endpoints, []string{o.endpoint})
	}
	for _, e := range endpoints {
		for _, c := range portChanges(of, to(e, before), to(e, after)) {
			c.Where += " of the accelerator to " + e
			out = append(out, c)
		}
	}
	if a.Observed.Exists() && !is.Exists() {
		where := "accelerator " + a.Observed.Name
		out = append(out, Change{Kind: Renames, Of: of, Where: where, Before: a.Observed.DNSName, After: "none"})
	}
	for i := range out {
		for _, s := range carriedOut(a.Plan) {
			out[i].Steps = append(out[i].Steps, s.ID)
		}
	}
	return out
}

// endpointOpening is a port of an accelerator that leads to an endpoint.
type endpointOpening struct {
	endpoint string
	opening
}

func endpointOpenings(o *accelerator.Observed) (out []endpointOpening) {
	if !o.Exists() || !o.Enabled {
		return nil
	}
	sources := []stack.Permission{{CIDR: "0.0.0.0/0"}}
	if o.IPAddressType == accelerator.DualStack {
		sources = append(sources, stack.Permission{IPv6CIDR: "::/0"})
	}
	for _, l := range o.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				for _, r := range l.Ports {
					for _, rule := range sources {
						rule.Protocol, rule.FromPort, rule.ToPort = strings.ToLower(l.Protocol), r.From, r.To
						out = append(out, endpointOpening{e.ID, opening{rule, true}})
					}
				}
			}
		}
	}
	return out
}

// to are the openings that lead to an endpoint.
func to(endpoint string, all []endpointOpening) (out []opening) {
	for _, o := range all {
		if o.endpoint == endpoint {
			out = append(out, o.opening)
		}
	}
	return out
}
