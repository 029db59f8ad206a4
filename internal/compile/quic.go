package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// quic reports whether targets of a protocol serve QUIC.
func quic(protocol string) bool { return strings.HasSuffix(protocol, "QUIC") }

// quicAttributes are the attributes of QUIC target groups that have one value in AWS, which refuses others (User guide
// for Network Load Balancers, target group attributes).
var quicAttributes = map[string]string{
	"deregistration_delay.timeout_seconds": "300",
	"preserve_client_ip.enabled":           "true",
	"proxy_protocol_v2.enabled":            "false",
	"stickiness.enabled":                   "false",
}

// attributesOf are the attributes of a target group, of QUIC without those that AWS fixes. A value that it would refuse
// is noted: attributes are often declared for all ports at once.
func (b *build) attributesOf(i int, tg *intent.TargetGroup, source intent.Source) map[string]string {
	if !quic(tg.Protocol) {
		return b.groupAttributes(i, tg, source)
	}
	own := *tg
	out := maps.Clone(tg.Attributes)
	for _, key := range slices.Sorted(maps.Keys(quicAttributes)) {
		value, declared := out[key]
		if delete(out, key); declared && value != quicAttributes[key] {
			_, d := b.ofAttribute(attributeSource(tg, key, source), []int{i}, diag.IgnoredSetting)
			d.Text = fmt.Sprintf("target group attribute %s=%s has no effect on the %s port %d: AWS allows %s only", key,
				value, tg.Protocol, tg.Port, quicAttributes[key])
			d.Remedy = "nothing to do, or declare it only for the other ports"
			b.note(i, d.In(diag.Route))
		}
	}
	own.Attributes = out
	return b.groupAttributes(i, &own, source)
}
