package ingress

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

type mutualJSON struct {
	Port         int32   `json:"port"`
	Mode         string  `json:"mode"`
	TrustStore   *string `json:"trustStore"`
	IgnoreExpiry *bool   `json:"ignoreClientCertificateExpiry"`
	Advertise    *string `json:"advertiseTrustStoreCaNames"`
}

// mutualAuthentication is the handling of client certificates by HTTPS listeners, by port. Of several entries for one
// port the last one applies. Trust stores are given by name or ARN. ok is false if the annotation is invalid.
func (t *translation) mutualAuthentication() (byPort map[int32]intent.Field[stack.MutualAuthentication], ok bool) {
	const k = annotation.MutualAuthentication
	raw, source, exists := t.read.Raw(k)
	if !exists {
		return nil, true
	}
	list := annotation.Unmarshal[[]mutualJSON](t.read, k)
	if !list.Set {
		return nil, false
	}
	if len(list.Value) == 0 {
		t.read.Invalid(k, fmt.Sprintf("empty mutualAuthentication configuration from ingress annotation: `%s`", raw), "")
		return nil, false
	}
	byPort, ok = map[int32]intent.Field[stack.MutualAuthentication]{}, true
	for _, j := range list.Value {
		if problem := j.problem(); problem != "" {
			t.read.Invalid(k, problem, "")
			ok = false
			continue
		}
		now := j.mutual()
		if before, repeated := byPort[j.Port]; repeated && before.Value != now {
			code := diag.IgnoredSetting
			if before.Value.Mode == stack.MutualVerify && now.Mode != stack.MutualVerify {
				code = diag.GuardNotApplied
			}
			t.read.Note(k, code, fmt.Sprintf("mode %s of port %d has no effect: a later entry of annotation %s sets mode %s",
				before.Value.Mode, j.Port, k, now.Mode), "give each port one entry")
		}
		byPort[j.Port] = intent.Of(now, source)
	}
	return byPort, ok
}

func (j mutualJSON) problem() string {
	on := fmt.Sprintf(" for port %d", j.Port)
	unsupported := func(name string, set bool) string {
		if set {
			return fmt.Sprintf("Mutual Authentication mode %s does not support %s%s", j.Mode, name, on)
		}
		return ""
	}
	switch {
	case j.Port < 1 || j.Port > 65535:
		return fmt.Sprintf("listen port must be from 1 to 65535, not %d", j.Port)
	case j.Mode == "":
		return "mutualAuthentication mode cannot be empty" + on
	case !slices.Contains([]string{stack.MutualOff, stack.MutualPassthrough, stack.MutualVerify}, j.Mode):
		return fmt.Sprintf("mutualAuthentication mode value must be among [off, passthrough, verify]%s : %s", on, j.Mode)
	case j.Mode != stack.MutualVerify:
		return cmp.Or(unsupported("trustStore", j.TrustStore != nil), unsupported("ignoreClientCertificateExpiry",
			j.IgnoreExpiry != nil),
			unsupported("advertiseTrustStoreCaNames", j.Advertise != nil))
	case j.TrustStore == nil || *j.TrustStore == "":
		return "trustStore is required when mutualAuthentication mode is verify" + on
	case j.Advertise != nil && *j.Advertise != "on" && *j.Advertise != "off":
		return fmt.Sprintf("advertiseTrustStoreCaNames must be on or off%s: %s", on, *j.Advertise)
	}
	return ""
}

func (j mutualJSON) mutual() stack.MutualAuthentication {
	return stack.MutualAuthentication{
		Mode: j.Mode, TrustStore: ptr.Deref(j.TrustStore, ""), IgnoreExpiry: ptr.Deref(j.IgnoreExpiry, false),
		AdvertiseNames: ptr.Deref(j.Advertise, "") == "on",
	}
}

// noteUnusedMutual notes entries for ports without an HTTPS listener of the Ingress.
func (t *translation) noteUnusedMutual(byPort map[int32]intent.Field[stack.MutualAuthentication],
	listeners []intent.Listener) {
	open := false // an HTTPS listener takes clients without certificates
	for _, l := range listeners {
		if l.Protocol == protocolHTTPS {
			open = open || byPort[l.Port].Value.Mode != stack.MutualVerify
			delete(byPort, l.Port)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(byPort)) {
		text := fmt.Sprintf("mutual authentication of port %d has no effect: the Ingress has no HTTPS listener there", port)
		if open && byPort[port].Value.Mode == stack.MutualVerify { // most likely the port is wrong
			t.read.Misspell(annotation.MutualAuthentication, fmt.Sprint("port ", port), text, true)
		}
		t.read.Note(annotation.MutualAuthentication, diag.GuardNotApplied, text,
			"name ports of HTTPS listeners in "+string(annotation.ListenPorts))
	}
}
