package lab

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// NetworkingOf writes rules of a binding: "SOURCE,SOURCE PORT,PORT", in which - is a port left out and nothing is no
// list of ports.
func NetworkingOf(rules ...string) *v1beta1.TargetGroupBindingNetworking {
	out := &v1beta1.TargetGroupBindingNetworking{}
	for _, text := range rules {
		var rule v1beta1.NetworkingIngressRule
		sources, ports, _ := strings.Cut(text, " ")
		for source := range strings.SplitSeq(sources, ",") {
			if strings.HasPrefix(source, "sg-") {
				rule.From = append(rule.From, v1beta1.NetworkingPeer{SecurityGroup: &v1beta1.SecurityGroup{GroupID: source}})
			} else {
				rule.From = append(rule.From, v1beta1.NetworkingPeer{IPBlock: &v1beta1.IPBlock{CIDR: source}})
			}
		}
		for port := range strings.FieldsFuncSeq(ports, func(r rune) bool { return r == ',' }) {
			p := v1beta1.NetworkingPort{}
			if port != "-" {
				p.Port = ptr.To(intstr.Parse(port))
			}
			rule.Ports = append(rule.Ports, p)
		}
		out.Ingress = append(out.Ingress, rule)
	}
	return out
}
