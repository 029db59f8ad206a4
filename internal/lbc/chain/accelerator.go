package chain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// AcceleratorInput is the input to explain a GlobalAccelerator.
type AcceleratorInput struct {
	Object      *agav1beta1.GlobalAccelerator
	Declared    accelerator.Declared
	Observed    accelerator.Observed
	Endpoints   []declare.Endpoint
	Answers     declare.Answers
	Health      map[EndpointAt]EndpointHealth
	Diagnostics diag.List
}

// EndpointAt is an endpoint in AWS, by its id and the ARN of its endpoint group.
type EndpointAt struct{ Group, Endpoint string }

// EndpointHealth is the health of an endpoint according to AWS.
type EndpointHealth struct{ State, Reason string }

// AcceleratorExplanation is a GlobalAccelerator as the chain from the object to the load balancers.
type AcceleratorExplanation struct {
	Object      string                `json:"object"`
	Accelerator Accelerator           `json:"accelerator"`
	Listeners   []AcceleratorListener `json:"listeners"`
	Findings    []explain.Finding     `json:"findings,omitempty"`
}

// Accelerator is the accelerator itself.
type Accelerator struct {
	Name    string          `json:"name"`
	ARN     string          `json:"arn,omitempty"` // "" = it does not exist
	DNSName string          `json:"dnsName,omitempty"`
	Status  string          `json:"status,omitempty"`
	Fields  []explain.Field `json:"fields"`
}

// AcceleratorListener is a listener of an accelerator.
type AcceleratorListener struct {
	Protocol string          `json:"protocol"`
	Ports    string          `json:"ports"` // "80-81,443"
	Exists   bool            `json:"exists"`
	Fields   []explain.Field `json:"fields"`
	Groups   []EndpointGroup `json:"endpointGroups"`
}

// EndpointGroup is the endpoints of a listener in a Region.
type EndpointGroup struct {
	Region    string                `json:"region"`
	Exists    bool                  `json:"exists"`
	Fields    []explain.Field       `json:"fields"`
	Endpoints []AcceleratorEndpoint `json:"endpoints"`
}

// AcceleratorEndpoint is an endpoint that the object declares, or one that AWS has in addition to these.
type AcceleratorEndpoint struct {
	Name         string `json:"name"`                   // "Service/namespace/name"; "" = no declaration names it
	LoadBalancer string `json:"loadBalancer,omitempty"` // ARN or id
	Host         string `json:"host,omitempty"`
	Weight       int32  `json:"weight"`
	ClientIP     bool   `json:"clientIPPreserved"`
	Health       string `json:"health,omitempty"` // as AWS has it; "" = AWS does not have the endpoint
	Reason       string `json:"reason,omitempty"` // of the health
	Problem      string `json:"problem,omitempty"`
	Source       string `json:"source,omitempty"` // path of the declaration
}

// Accelerated explains a GlobalAccelerator.
func Accelerated(in AcceleratorInput) AcceleratorExplanation {
	o, d, spec := in.Observed, in.Declared, &in.Object.Spec
	e := AcceleratorExplanation{Object: owner.Object(in.Object).String(), Listeners: []AcceleratorListener{},
		Findings: explain.Findings(in.Diagnostics)}
	e.Accelerator = Accelerator{Name: d.Name, ARN: o.ARN, DNSName: o.DNSName, Status: o.Status}
	given := spec.Name != nil && *spec.Name != ""
	e.Accelerator.Fields = append(e.Accelerator.Fields,
		acceleratorField("name", d.Name, given, "spec.name", "of cluster, namespace and name"),
		acceleratorField("address type", d.IPAddressType, spec.IPAddressType != "" && spec.IPAddressType != accelerator.IPV4,
			"spec.ipAddressType", "default"))
	if o.DualStackDNSName != "" {
		e.Accelerator.Fields = append(e.Accelerator.Fields, acceleratorField("name for both families", o.DualStackDNSName,
			false, "", "AWS"))
	}
	for _, s := range o.IPSets {
		e.Accelerator.Fields = append(e.Accelerator.Fields, acceleratorField("addresses "+s.Family,
			strings.Join(s.Addresses, ", "), false, "", "AWS"))
	}
	for _, k := range slices.Sorted(maps.Keys(spec.Tags)) {
		e.Accelerator.Fields = append(e.Accelerator.Fields, acceleratorField("tag "+k, d.Tags[k], d.Tags[k] == spec.Tags[k],
			"spec.tags["+k+"]", "--default-tags"))
	}
	for i, l := range d.Listeners {
		e.Listeners = append(e.Listeners, in.listener(i, l))
	}
	return e
}

// acceleratorField is a field that is declared at source, or else has its value from elsewhere.
func acceleratorField(name, value string, declared bool, source, otherwise string) explain.Field {
	if declared {
		return explain.Field{Name: name, Value: value, Source: source}
	}
	return explain.Field{Name: name, Value: value, Default: otherwise}
}

// listener explains a listener that is declared, or that is that of a load balancer's protocol.
func (in *AcceleratorInput) listener(i int, l accelerator.Listener) AcceleratorListener {
	at := i // in the spec
	if len(in.Declared.Listeners) != len(in.Object.Spec.Listeners) {
		at = 0 // one declaration, of which each protocol of the load balancer has made a listener
	}
	declared, path := in.Object.Spec.Listeners[at], fmt.Sprintf("spec.listeners[%d]", at)
	out := AcceleratorListener{Protocol: l.Protocol, Ports: portsText(l.Ports), Groups: []EndpointGroup{}}
	var now *accelerator.Listener
	for j := range in.Observed.Listeners {
		if in.Observed.Listeners[j].Key() == l.Key() {
			now = &in.Observed.Listeners[j]
		}
	}
	out.Exists = now != nil
	const discovered = "of the load balancer"
	out.Fields = []explain.Field{
		acceleratorField("protocol", l.Protocol, declared.Protocol != nil, path+".protocol", discovered),
		acceleratorField("ports", out.Ports, len(declared.PortRanges) > 0, path+".portRanges", discovered),
		acceleratorField("client affinity", l.Affinity, declared.ClientAffinity != "" && l.Affinity != accelerator.NoAffinity,
			path+".clientAffinity", "default"),
	}
	for j, g := range l.Groups {
		out.Groups = append(out.Groups, in.group(at, j, g, now))
	}
	return out
}

func portsText(ranges []accelerator.PortRange) string {
	var text []string
	for _, r := range accelerator.Sorted(ranges) {
		text = append(text, r.String())
	}
	return strings.Join(text, ",")
}

// group explains an endpoint group; now is its listener in AWS, nil = there is none.
func (in *AcceleratorInput) group(listener, index int, g accelerator.Group, now *accelerator.Listener) EndpointGroup {
	declared, path := in.Object.Spec.Listeners[listener].EndpointGroups[index],
		fmt.Sprintf("spec.listeners[%d].endpointGroups[%d]", listener, index)
	out := EndpointGroup{Region: g.Region, Endpoints: []AcceleratorEndpoint{}}
	out.Fields = []explain.Field{acceleratorField("traffic dial", fmt.Sprintf("%g %%", g.Dial),
		declared.TrafficDialPercentage != nil && g.Dial != 100, path+".trafficDialPercentage", "default")}
	for k, o := range g.Overrides {
		out.Fields = append(out.Fields, acceleratorField("port override", fmt.Sprintf("%d → %d", o.ListenerPort,
			o.EndpointPort), true, fmt.Sprintf("%s.portOverrides[%d]", path, k), ""))
	}
	var have *accelerator.Group
	if now != nil {
		for k := range now.Groups {
			if now.Groups[k].Region == g.Region {
				have = &now.Groups[k]
			}
		}
	}
	out.Exists = have != nil
	shown := map[string]bool{}
	for k := range in.Endpoints {
		e := &in.Endpoints[k]
		if e.Listener != listener || e.Group != index {
			continue
		}
		x := in.endpoint(e, g)
		x.Source = fmt.Sprintf("%s.endpoints[%d]", path, e.Index)
		in.inAWS(&x, have)
		shown[x.LoadBalancer] = true
		out.Endpoints = append(out.Endpoints, x)
	}
	if have == nil {
		return out
	}
	for _, e := range have.Endpoints {
		if shown[e.ID] {
			continue
		}
		x := AcceleratorEndpoint{LoadBalancer: e.ID, Weight: e.Weight, ClientIP: e.PreserveClientIP != nil &&
			*e.PreserveClientIP, Problem: "not declared, or no longer the load balancer of its object"}
		in.inAWS(&x, have)
		out.Endpoints = append(out.Endpoints, x)
	}
	return out
}

// endpoint is an endpoint as it is declared.
func (in *AcceleratorInput) endpoint(e *declare.Endpoint, g accelerator.Group) AcceleratorEndpoint {
	out := AcceleratorEndpoint{Name: e.Name, Host: e.Host, Problem: e.Problem}
	switch e.State {
	case declare.Given:
		out.LoadBalancer = e.ID
	case declare.Hosted:
		a := in.Answers[e.Host]
		out.LoadBalancer, out.Problem = a.ARN, cmp.Or(out.Problem, a.Problem)
		if out.Host == out.LoadBalancer { // it is only planned
			out.Host = ""
		}
	case declare.Pending, declare.Gone:
	}
	for _, x := range g.Endpoints {
		if x.ID == out.LoadBalancer && x.ID != "" {
			out.Weight, out.ClientIP = x.Weight, x.PreserveClientIP != nil && *x.PreserveClientIP
		}
	}
	return out
}

// inAWS adds the health that AWS has of an endpoint.
func (in *AcceleratorInput) inAWS(e *AcceleratorEndpoint, g *accelerator.Group) {
	if g == nil || e.LoadBalancer == "" {
		return
	}
	h := in.Health[EndpointAt{g.ARN, e.LoadBalancer}]
	e.Health, e.Reason = h.State, h.Reason
}

// Text returns the explanation as text. color adds ANSI colours.
func (e *AcceleratorExplanation) Text(color bool) string {
	t := &explain.Page{Color: color}
	t.Line("%s", t.Bold(e.Object))
	t.Line("")
	state := "does not exist yet"
	if e.Accelerator.ARN != "" {
		state = e.Accelerator.DNSName + ", " + cmp.Or(e.Accelerator.Status, "status unknown")
	}
	t.Line("%s (%s)", t.Bold("Accelerator "+e.Accelerator.Name), state)
	t.Fields(e.Accelerator.Fields)
	for _, l := range e.Listeners {
		t.Line("")
		t.Line("%s%s", t.Bold("Listener "+l.Protocol+" "+l.Ports), notYet(l.Exists))
		t.Fields(l.Fields)
		for _, g := range l.Groups {
			g.text(t)
		}
	}
	t.Findings(e.Findings)
	return t.String()
}

func notYet(exists bool) string {
	if exists {
		return ""
	}
	return " (does not exist yet)"
}

func (g *EndpointGroup) text(t *explain.Page) {
	t.Line("")
	t.Line("%s%s", t.Bold("  Endpoint group "+g.Region), notYet(g.Exists))
	for _, f := range g.Fields {
		where := "(" + f.Default + ")"
		if f.Source != "" {
			where = "← " + f.Source
		}
		t.Line("    %s  %s  %s", f.Name, f.Value, t.Dim(where))
	}
	if len(g.Endpoints) == 0 {
		t.Line("    no endpoints")
	}
	for _, x := range g.Endpoints {
		x.text(t)
	}
}

func (x *AcceleratorEndpoint) text(t *explain.Page) {
	source := ""
	if x.Source != "" {
		source = "  " + t.Dim("← "+x.Source)
	}
	t.Line("    endpoint %s%s", cmp.Or(x.Name, "without a declaration"), source)
	if x.LoadBalancer != "" {
		client := "addresses of clients preserved"
		if !x.ClientIP {
			client = "addresses of clients not preserved"
		}
		t.Line("      → %s, weight %d, %s", x.LoadBalancer, x.Weight, client)
	}
	health := x.Health
	if x.Reason != "" {
		health += ": " + x.Reason
	}
	switch {
	case health == "HEALTHY":
		t.Line("      %s", t.Green(health))
	case health != "":
		t.Line("      %s", health)
	case x.LoadBalancer != "":
		t.Line("      not in AWS yet")
	}
	if x.Problem != "" {
		t.Line("      %s", x.Problem)
	}
}
