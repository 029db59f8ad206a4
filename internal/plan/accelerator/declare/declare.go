// Package declare makes the accelerator that a GlobalAccelerator declares, from the object, the objects that its
// endpoints name, and AWS's answers about their load balancers. Endpoints reads objects; Needs has the questions for
// AWS; Accelerator takes the answers. It is pure.
package declare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// Config is what accelerators depend on besides objects.
type Config struct {
	Cluster, Region string
	DefaultTags     map[string]string
	// ObjectTagsWin: tags of the object win over DefaultTags.
	ObjectTagsWin bool
	ExternalTags  []string
}

// KeyOf returns the key of the accelerator of an object.
func KeyOf(namespace, name string) stack.Key {
	return stack.Key{Owner: accelerator.Owner, ID: stack.ID{Namespace: namespace, Name: name}}
}

// Tracking returns the tags that identify the accelerator of a key.
func (c Config) Tracking(key stack.Key) map[string]string {
	out := naming.Tracking(accelerator.Owner, c.Cluster, key.ID.String(), accelerator.Identity)
	out[naming.ClusterRegionTag] = c.Region
	return out
}

// Owns reports whether an accelerator with these tags is that of a key. The Region is not part of it: it is missing
// from tags that people restored by hand.
func (c Config) Owns(key stack.Key, tags map[string]string) bool {
	for k, v := range naming.Tracking(accelerator.Owner, c.Cluster, key.ID.String(), accelerator.Identity) {
		if tags[k] != v {
			return false
		}
	}
	region, ok := tags[naming.ClusterRegionTag]
	return !ok || region == c.Region
}

// building collects what an object declares, and what is wrong with it.
type building struct {
	config Config
	ga     *agav1beta1.GlobalAccelerator
	found  diag.List
	// emptied: the only endpoint of an accelerator whose ports are those of its load balancer is known to be gone.
	emptied bool
	gone    []string // load balancers that endpoints had, and none has any more
	stands  map[string]Stand
}

func (b *building) wrong(path, text, remedy string) {
	b.found = append(b.found, diag.New(check.Object(b.ga), path, diag.InvalidAccelerator, text, remedy))
}

func (b *building) note(path, text, remedy string) {
	b.found = append(b.found, diag.New(check.Object(b.ga), path, diag.IgnoredSetting, text, remedy))
}

// Accelerator returns the accelerator that the object declares. If a finding has class Invalid, the accelerator in
// AWS must not change. endpoints are the results of Endpoints.
func Accelerator(c Config, ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers Answers, m Memory) (
	accelerator.Declared, diag.List) {
	b := &building{config: c, ga: ga, stands: m.Stands}
	key := KeyOf(ga.Namespace, ga.Name)
	kind := cmp.Or(string(ga.Spec.IPAddressType), accelerator.IPV4)
	out := accelerator.Declared{
		Key: key, UID: string(ga.UID), IPAddressType: kind, IPAddresses: ga.Spec.IPAddresses, Tags: b.tags(key),
		ExternalTags: c.ExternalTags,
		Name:         naming.Accelerator(c.Cluster, c.Region, ga.Namespace, ga.Name, kind),
	}
	if ga.Spec.Name != nil && *ga.Spec.Name != "" {
		out.Name = *ga.Spec.Name
	}
	out.ExternalTags = append(slices.Clone(out.ExternalTags), b.refuseTags()...)
	loaded := b.load(endpoints, answers, m.Balancers)
	listeners, deferred := b.discover(loaded)
	b.check(listeners, loaded)
	b.noteUnserved(listeners, loaded)
	if out.Deferred, out.Emptied = deferred, b.emptied; deferred {
		return out, b.found
	}
	for _, l := range listeners {
		out.Listeners = append(out.Listeners, b.listener(l, loaded))
	}
	return out, b.found
}

// Unfit returns what AWS would refuse whatever load balancers the endpoints have: AWS need not be asked about them.
func Unfit(c Config, ga *agav1beta1.GlobalAccelerator) diag.List {
	b := &building{config: c, ga: ga}
	b.tags(KeyOf(ga.Namespace, ga.Name))
	b.refuseTags()
	b.check(nil, nil)
	return b.found
}

// refuseTags reports the reserved keys of the object's tags, which are not written, and returns those that stay in AWS
// if an earlier controller wrote them. Nothing else of the object waits.
func (b *building) refuseTags() (stay []string) {
	for _, k := range tagkey.Refused(b.ga.Spec.Tags, nil) {
		text, remedy := tagkey.Refusal(k)
		d := diag.New(check.Object(b.ga), "spec.tags["+k+"]", diag.ReservedTag, text, remedy)
		d.Class = diag.Note
		b.found = append(b.found, d)
		if k != naming.ClusterRegionTag && !slices.Contains(naming.OwnTags(accelerator.Owner), k) {
			stay = append(stay, k)
		}
	}
	return stay
}

// tags are those of the object and the defaults, and over all of them those that identify the accelerator.
func (b *building) tags(key stack.Key) map[string]string {
	for _, k := range slices.Sorted(maps.Keys(b.ga.Spec.Tags)) {
		if slices.Contains(b.config.ExternalTags, k) {
			b.wrong("spec.tags["+k+"]", fmt.Sprintf("tag %s is reserved for other tools by --external-managed-tags", k),
				"remove the tag")
		}
	}
	out := map[string]string{}
	first, last := tagkey.Without(b.ga.Spec.Tags, nil), b.config.DefaultTags
	if b.config.ObjectTagsWin {
		first, last = last, first
	}
	maps.Copy(out, first)
	maps.Copy(out, last)
	maps.DeleteFunc(out, func(k, _ string) bool { return tagkey.Reserved(k) })
	maps.Copy(out, b.config.Tracking(key))
	b.noRoomForTags(len(out))
	return out
}

// listener lowers one listener; path is where it is declared.
func (b *building) listener(l declared, loaded map[place]loadedEndpoint) accelerator.Listener {
	out := accelerator.Listener{Protocol: l.protocol, Ports: l.ports, Affinity: cmp.Or(string(l.spec.ClientAffinity),
		accelerator.NoAffinity)}
	for j := range l.spec.EndpointGroups {
		g := &l.spec.EndpointGroups[j]
		path := fmt.Sprintf("%s.endpointGroups[%d]", l.path, j)
		group := accelerator.Group{Region: cmp.Or(ptr.Deref(g.Region, ""), b.config.Region), Dial: 100}
		if g.TrafficDialPercentage != nil {
			group.Dial = float32(*g.TrafficDialPercentage)
		}
		if group.Region == "" {
			b.wrong(path+".region", "the Region of the cluster is not known, and none is given", "set region")
		}
		for _, o := range g.PortOverrides {
			group.Overrides = append(group.Overrides, accelerator.Override{ListenerPort: o.ListenerPort,
				EndpointPort: o.EndpointPort})
		}
		for k := range g.Endpoints {
			e := loaded[place{l.index, j, k}]
			group.Kept = append(group.Kept, e.stands...)
			switch {
			case e.ready:
				group.Endpoints = append(group.Endpoints, e.Endpoint)
			case e.kept != "":
				group.Kept = append(group.Kept, e.kept)
			case e.waiting:
				group.Waiting = true
			}
		}
		if group.Waiting {
			group.Gone = b.gone
		}
		out.Groups = append(out.Groups, group)
	}
	return out
}
