package bindings

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Preceding is the record of the targets that were registered in a target group before a binding came, as checkpoints
// keep it.
type Preceding struct {
	UID     types.UID `json:"uid"`
	Group   string    `json:"group"` // ARN; empty = the targets are not known
	Targets []string  `json:"targets,omitempty"`
	// Since is when the targets were read, until another read confirms them; Own are the keys of targets that the binding
	// has wanted until then.
	Since time.Time `json:"since,omitzero"`
	Own   []string  `json:"own,omitempty"`
	// Registered are the keys of the targets that the binding registered in Shared, a target group that it shares.
	Shared     string   `json:"shared,omitempty"` // ARN
	Registered []string `json:"registered,omitempty"`
}

// Of reports whether the record is about a binding and its present target group.
func (p *Preceding) Of(o *v1beta1.TargetGroupBinding) bool {
	return p.UID == o.UID && p.Group == o.Spec.TargetGroupARN
}

// OwnKeys yields the keys of the pods and nodes that a binding wants. A target that is only an address in an
// EndpointSlice may be somebody else's.
func OwnKeys(o *v1beta1.TargetGroupBinding, of Targets) iter.Seq[string] {
	nodes := o.Spec.TargetType != nil && *o.Spec.TargetType == v1beta1.TargetTypeInstance
	return func(yield func(string) bool) {
		for _, at := range of.Endpoints.All() {
			e := *at
			e.Port = cmp.Or(e.Port, of.Port)
			if (e.Pod != "" || nodes) && !yield(e.Key()) {
				return
			}
		}
	}
}

// NotOwned returns the addresses of registered targets by key, without those that drain, the pods and nodes that the
// binding wants, and those that are known to be its own.
func NotOwned(o *v1beta1.TargetGroupBinding, of Targets, health []registrar.Health, known ...map[string]bool) (
	addresses map[string]string) {
	addresses = map[string]string{}
	for _, h := range health {
		key := h.Key()
		if !h.Draining() && !slices.ContainsFunc(known, func(own map[string]bool) bool { return own[key] }) {
			addresses[key] = h.ID
		}
	}
	for key := range OwnKeys(o, of) {
		delete(addresses, key)
	}
	return addresses
}

// PodAddresses returns the addresses of pods, without those that others may have: of the network of a node, and of
// pods that have ended.
func PodAddresses(pods []*corev1.Pod) map[string]bool {
	out := map[string]bool{}
	for _, p := range pods {
		if p.Spec.HostNetwork || registrar.Ended(p) {
			continue
		}
		for _, ip := range registrar.Addresses(p) {
			out[ip] = true
		}
	}
	return out
}

// shownTargets is how many targets a message names.
const shownTargets = 10

// TargetsStay returns the note that targets stay registered that the binding may not have registered.
func TargetsStay(o *v1beta1.TargetGroupBinding, keys []string, why string) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), "spec.targetGroupARN", diag.TargetsKept,
		fmt.Sprintf("these targets stay registered: %s (%s)", diag.First(keys, shownTargets, ", "), why),
		"deregister them in AWS if nothing needs them")
}

// PrecedingStay is TargetsStay for targets that may have been registered before the binding.
func PrecedingStay(o *v1beta1.TargetGroupBinding, preceding map[string]bool) diag.Diagnostic {
	return TargetsStay(o, slices.Sorted(maps.Keys(preceding)), "they may have been registered before this binding")
}
