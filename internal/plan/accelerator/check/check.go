// Package check finds what AWS is certain to refuse of a GlobalAccelerator, and what it may refuse, from the
// declaration alone. Admission, the command line and the controller share it. It neither reads other objects nor
// knows AWS: what depends on the load balancers of endpoints is decided later, once these are known.
package check

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Finding is something that is wrong with a declaration.
type Finding struct {
	Check  Check
	Path   string // of the field: spec.listeners[0].protocol
	Text   string // what is wrong and why, lower case, no final stop
	Remedy string // what the user can do
	// Uncertain is set where AWS refuses it by a quota that it may have raised for the account, or where it has no effect.
	Uncertain bool
}

// Check is the name of a check, a value of the label error_category.
type Check string

// The checks. The first two are those of the existing controller.
const (
	DuplicateEndpoints    Check = "checkForDuplicateEndpoints"
	OverlappingPortRanges Check = "checkForOverlappingPortRanges"
	DuplicateRegions      Check = "checkForDuplicateRegions"
	Endpoints             Check = "checkEndpoints"
	IPAddresses           Check = "checkIPAddresses"
	Limits                Check = "checkLimits"
	Listeners             Check = "checkListeners"
	Names                 Check = "checkNames"
	PortOverrides         Check = "checkPortOverrides"
	Regions               Check = "checkRegions"
	Tags                  Check = "checkTags"
)

// Object returns an object as diagnostics name it.
func Object(ga *agav1beta1.GlobalAccelerator) diag.Object {
	return diag.Object{Kind: "GlobalAccelerator", Namespace: ga.Namespace, Name: ga.Name, UID: string(ga.UID)}
}

// Diagnostic returns the finding as one about an object.
func (f Finding) Diagnostic(ga *agav1beta1.GlobalAccelerator) diag.Diagnostic {
	code := diag.InvalidAccelerator
	switch {
	case f.Uncertain && f.Check == Limits:
		code = diag.QuotaExceeded
	case f.Uncertain:
		code = diag.IgnoredSetting
	}
	d := diag.New(Object(ga), f.Path, code, f.Text, f.Remedy)
	if f.Uncertain {
		d.Class = diag.Note
	}
	return d
}

// checking collects what is wrong with a declaration.
type checking struct {
	spec      *agav1beta1.GlobalAcceleratorSpec
	namespace string
	region    string // of the cluster; empty = not known
	// discovered: the listeners stand for the first one of the object, which leaves protocol or ports to a load balancer.
	discovered bool
	found      []Finding
	entered    map[Finding]bool // those of found
}

// Spec returns the findings about a declaration, in the order of the spec's fields. The namespace is that of the
// object, and the region that of the cluster, or empty if it is not known.
func Spec(spec *agav1beta1.GlobalAcceleratorSpec, namespace, region string) []Finding {
	c := &checking{spec: spec, namespace: namespace, region: region}
	return c.all()
}

// Discovered is Spec for a declaration with the listeners that the ports of a load balancer make of its only one, by
// which findings name them.
func Discovered(spec *agav1beta1.GlobalAcceleratorSpec, namespace, region string) []Finding {
	c := &checking{spec: spec, namespace: namespace, region: region, discovered: true}
	return c.all()
}

func (c *checking) all() []Finding {
	spec := c.spec
	if text := TooLarge(spec); text != "" {
		c.add(Limits, "spec.listeners", text, "use several accelerators")
		return c.found
	}
	c.name()
	c.addresses()
	c.tags()
	c.listeners()
	c.portRanges()
	for i := range spec.Listeners {
		for j := range spec.Listeners[i].EndpointGroups {
			c.endpoints(i, j)
			c.portOverrides(i, j)
		}
		c.regions(i)
	}
	return c.found
}

// AWS raises quotas of accelerators on request. Nobody has been given more than these: what is beyond is neither read
// nor compared.
const (
	mostListeners = 10 * accelerator.MaxListeners
	mostParts     = 10 * accelerator.MaxListeners * accelerator.MaxEndpointGroups
)

// TooLarge returns why a declaration is refused by its size alone; empty if it is not.
func TooLarge(spec *agav1beta1.GlobalAcceleratorSpec) string {
	parts := 0
	for i := range spec.Listeners {
		parts += len(spec.Listeners[i].EndpointGroups) + len(spec.Listeners[i].PortRanges)
		for j := range spec.Listeners[i].EndpointGroups {
			g := &spec.Listeners[i].EndpointGroups[j]
			parts += len(g.Endpoints) + len(g.PortOverrides)
		}
	}
	if n := len(spec.Listeners); n > mostListeners {
		return fmt.Sprintf("%d listeners are declared, and the controller admits %d of an accelerator", n, mostListeners)
	}
	if parts > mostParts {
		return fmt.Sprintf("%d endpoint groups, endpoints, port ranges and port overrides are declared, and the controller "+
			"admits %d of an accelerator", parts, mostParts)
	}
	return ""
}

// Update returns the findings about a change of a declaration that AWS has carried out before.
func Update(old, spec *agav1beta1.GlobalAcceleratorSpec) (found []Finding) {
	sorted := func(a []string) []string { return slices.Sorted(slices.Values(a)) }
	if !slices.Equal(sorted(old.IPAddresses), sorted(spec.IPAddresses)) {
		found = append(found, Finding{
			IPAddresses, "spec.ipAddresses",
			"AWS sets the addresses of an accelerator only at its creation; this accelerator keeps its addresses",
			"create another GlobalAccelerator, or restore the field", true,
		})
	}
	return found
}

// at is the index in the object of a listener.
func (c *checking) at(listener int) int {
	if c.discovered {
		return 0
	}
	return listener
}

func (c *checking) add(check Check, path, text, remedy string) {
	c.enter(Finding{check, path, text, remedy, false})
}

func (c *checking) warn(check Check, path, text, remedy string) {
	c.enter(Finding{check, path, text, remedy, true})
}

// enter enters a finding once: two discovered listeners have the same endpoint groups.
func (c *checking) enter(f Finding) {
	if c.entered[f] {
		return
	}
	if c.entered == nil {
		c.entered = map[Finding]bool{}
	}
	c.entered[f] = true
	c.found = append(c.found, f)
}

func (c *checking) listenerPath(i int) string { return fmt.Sprintf("spec.listeners[%d]", c.at(i)) }
func (c *checking) groupPath(i, j int) string {
	return fmt.Sprintf("%s.endpointGroups[%d]", c.listenerPath(i), j)
}

// Discovers reports whether the listener may leave protocol and port ranges to the load balancer of its endpoint: there
// is one listener, with one endpoint group, with one endpoint.
func Discovers(spec *agav1beta1.GlobalAcceleratorSpec) bool {
	if len(spec.Listeners) != 1 || len(spec.Listeners[0].EndpointGroups) != 1 ||
		len(spec.Listeners[0].EndpointGroups[0].Endpoints) != 1 {
		return false
	}
	l := &spec.Listeners[0]
	return l.Protocol == nil || len(l.PortRanges) == 0
}

func (c *checking) listeners() {
	const only = ": they are those of the load balancer only where one listener has one endpoint group with one endpoint"
	discovers := Discovers(c.spec)
	groups := 0
	for i := range c.spec.Listeners {
		l, path := &c.spec.Listeners[i], c.listenerPath(i)
		groups += len(l.EndpointGroups)
		if n := len(l.PortRanges); n > accelerator.MaxPortRanges {
			remedy := "join ranges, or move some to another listener"
			if c.discovered {
				remedy = "write portRanges, fewer ones, which may have ports that the load balancer does not have"
			}
			c.add(Limits, path+".portRanges", fmt.Sprintf("the listener has %d port ranges, and AWS allows %d: %s", n,
				accelerator.MaxPortRanges, rangesText(l.PortRanges)), remedy)
		}
		if l.Protocol == nil && !discovers {
			c.add(Listeners, path+".protocol", "listener protocol must be specified"+strings.Replace(only, "they are those",
				"it is that", 1), "write protocol: TCP or protocol: UDP")
		}
		if len(l.PortRanges) == 0 && !discovers {
			c.add(Listeners, path+".portRanges", "listener port ranges must be specified"+only,
				"write the port ranges of the listener")
		}
		if discovers {
			e := l.EndpointGroups[0].Endpoints[0]
			if id := ptr.Deref(e.EndpointID, ""); e.Type == agav1beta1.EndpointID && id != "" && !IsLoadBalancer(id) {
				c.add(Listeners, path, fmt.Sprintf("protocol and port ranges must be specified: %s is not a load balancer, so "+
					"that it has no listeners to take them from", id), "write protocol and portRanges")
			}
		}
	}
	if n := len(c.spec.Listeners); n > accelerator.MaxListeners {
		c.warn(Limits, "spec.listeners", fmt.Sprintf("%d listeners are declared, and AWS allows %d of an accelerator "+
			"unless the account's quota was raised", n, accelerator.MaxListeners),
			"ask AWS for a higher quota, or use further accelerators")
	}
	if groups > accelerator.MaxEndpointGroups {
		c.warn(Limits, "spec.listeners", fmt.Sprintf("%d endpoint groups are declared, and AWS allows %d of an accelerator "+
			"unless the account's quota was raised", groups, accelerator.MaxEndpointGroups),
			"ask AWS for a higher quota, or use further accelerators")
	}
}

// regionForm is the form of the names of regions: us-west-2, us-gov-east-1.
var regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// regions reports endpoint groups of a listener that have a region in common.
func (c *checking) regions(i int) {
	first := map[string]int{}
	for j, g := range c.spec.Listeners[i].EndpointGroups {
		region := cmp.Or(ptr.Deref(g.Region, ""), c.region)
		if given := ptr.Deref(g.Region, ""); given != "" && !regionForm.MatchString(given) {
			c.add(Regions, c.groupPath(i, j)+".region", fmt.Sprintf("%q is not the name of a region", given),
				"write a region such as us-west-2, or remove the field for the region of the cluster")
		}
		k, ok := first[region]
		if !ok {
			first[region] = j
			continue
		}
		name := region
		if name == "" {
			name = "the region of the cluster"
		}
		c.add(DuplicateRegions, c.groupPath(i, j)+".region",
			fmt.Sprintf("duplicate region detected in listener[%d]: endpointGroups[%d] and endpointGroups[%d] are both in %s, "+
				"and AWS allows one endpoint group of a listener in each region", c.at(i), k, j, name),
			"join the two groups, or correct the region")
	}
}
