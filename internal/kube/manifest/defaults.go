package manifest

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
)

// firstNodePort begins the range from which the API server gives node ports by default.
const firstNodePort = 30000

// FillIn gives objects that were read from files what the API server would have given them, as far as front ends look
// at it: UIDs, the Service type, protocol and target port, node ports in the order of the objects wherever the type of
// the Service calls for them, the rules and matches of HTTPRoutes, the defaults of GlobalAccelerators, and the name
// label of namespaces. Objects that hold such values keep them.
func FillIn(objects []metav1.Object) {
	taken := map[int32]bool{}
	for _, o := range objects {
		if svc, ok := o.(*corev1.Service); ok {
			taken[svc.Spec.HealthCheckNodePort] = true
			for _, p := range svc.Spec.Ports {
				taken[p.NodePort] = true
			}
		}
	}
	next := int32(firstNodePort)
	allocate := func() int32 {
		for taken[next] {
			next++
		}
		taken[next] = true
		return next
	}
	for _, o := range objects {
		if o.GetUID() == "" {
			o.SetUID(UID(o.GetNamespace(), o.GetName()))
		}
		switch o := o.(type) {
		case *corev1.Service:
			fillInService(o, allocate)
		case *corev1.Secret:
			for k, v := range o.StringData {
				if o.Data == nil {
					o.Data = map[string][]byte{}
				}
				o.Data[k] = []byte(v)
			}
			o.StringData = nil
		case *gatewayv1.HTTPRoute:
			fillInRoute(o)
		case *agav1beta1.GlobalAccelerator:
			fillInAccelerator(o)
		case *corev1.Namespace:
			metav1.SetMetaDataLabel(&o.ObjectMeta, corev1.LabelMetadataName, o.Name)
		}
	}
}

// fillInRoute gives a route without rules one, each rule without matches one, and each match without a path the prefix
// that all paths have.
func fillInRoute(r *gatewayv1.HTTPRoute) {
	if len(r.Spec.Rules) == 0 {
		r.Spec.Rules = []gatewayv1.HTTPRouteRule{{}}
	}
	for i := range r.Spec.Rules {
		rule := &r.Spec.Rules[i]
		if len(rule.Matches) == 0 {
			rule.Matches = []gatewayv1.HTTPRouteMatch{{}}
		}
		for j := range rule.Matches {
			if rule.Matches[j].Path == nil {
				prefix, root := gatewayv1.PathMatchPathPrefix, "/"
				rule.Matches[j].Path = &gatewayv1.HTTPPathMatch{Type: &prefix, Value: &root}
			}
		}
	}
}

func fillInService(svc *corev1.Service, allocate func() int32) {
	spec := &svc.Spec
	spec.Type = cmp.Or(spec.Type, corev1.ServiceTypeClusterIP)
	nodePorts := spec.Type == corev1.ServiceTypeNodePort ||
		spec.Type == corev1.ServiceTypeLoadBalancer && (spec.AllocateLoadBalancerNodePorts == nil ||
			*spec.AllocateLoadBalancerNodePorts)
	byPort := map[int32]int32{} // TCP and UDP of one number share a node port
	for i := range spec.Ports {
		p := &spec.Ports[i]
		p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == (intstr.IntOrString{}) {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
		if nodePorts && p.NodePort == 0 {
			if p.NodePort = byPort[p.Port]; p.NodePort == 0 {
				p.NodePort = allocate()
			}
		}
		byPort[p.Port] = p.NodePort
	}
	local := spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
	if local && spec.Type == corev1.ServiceTypeLoadBalancer && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = allocate()
	}
	if len(spec.IPFamilies) == 0 && spec.Type != corev1.ServiceTypeExternalName {
		spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
}

// dnsNamespace is the name space of host names in version 5 UUIDs.
var dnsNamespace = []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f,
	0xd4, 0x30, 0xc8}

// UID returns the UID of an object that no API server has created: the version 5 UUID of namespace/name in the DNS name
// space.
func UID(namespace, name string) types.UID {
	sum := sha1.Sum(slices.Concat(dnsNamespace, []byte(namespace+"/"+name)))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return types.UID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}
