package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

type binding struct {
	Template bindingTemplate `json:"template"`
}

type bindingTemplate struct {
	Metadata bindingMetadata `json:"metadata"`
	Spec     bindingSpec     `json:"spec"`
}

type bindingMetadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	CreationTimestamp *string           `json:"creationTimestamp"` // always null: nothing is created yet
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
}

type bindingSpec struct {
	TargetGroupARN any           `json:"targetGroupARN"`
	TargetType     string        `json:"targetType,omitempty"`
	ServiceRef     serviceRef    `json:"serviceRef"`
	Networking     *networking   `json:"networking,omitempty"`
	NodeSelector   *nodeSelector `json:"nodeSelector,omitempty"`
	IPAddressType  string        `json:"ipAddressType,omitempty"`
	VPC            string        `json:"vpcID,omitempty"`
	MultiCluster   bool          `json:"multiClusterTargetGroup,omitempty"`
	Protocol       string        `json:"targetGroupProtocol,omitempty"`
}

type serviceRef struct {
	Name string `json:"name"`
	Port any    `json:"port"`
}

type nodeSelector struct {
	MatchLabels      map[string]string `json:"matchLabels,omitempty"`
	MatchExpressions []nodeExpression  `json:"matchExpressions,omitempty"`
}

type nodeExpression struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

type networking struct {
	Ingress []networkingRule `json:"ingress,omitempty"`
}

type networkingRule struct {
	From  []peer        `json:"from"`
	Ports []networkPort `json:"ports"`
}

type peer struct {
	IPBlock       *ipBlock   `json:"ipBlock,omitempty"`
	SecurityGroup *peerGroup `json:"securityGroup,omitempty"`
}

type ipBlock struct {
	CIDR string `json:"cidr"`
}

type peerGroup struct {
	GroupID any `json:"groupID"`
}

type networkPort struct {
	Protocol string `json:"protocol,omitempty"`
	Port     any    `json:"port,omitempty"`
}

func ofBinding(b stack.Binding) binding {
	s := bindingSpec{
		TargetGroupARN: reference(b.TargetGroup), TargetType: b.TargetType, ServiceRef: serviceRef{
			b.ServiceName, number(b.ServicePort)},
		IPAddressType: b.IPAddress, VPC: b.VPC, MultiCluster: b.MultiCluster, Protocol: b.Protocol,
	}
	if b.NodeLabels != nil || b.NodeExpressions != nil {
		s.NodeSelector = &nodeSelector{MatchLabels: b.NodeLabels}
		for _, e := range b.NodeExpressions {
			s.NodeSelector.MatchExpressions = append(s.NodeSelector.MatchExpressions, nodeExpression(e))
		}
	}
	if b.Networking != nil {
		s.Networking = &networking{}
	}
	for _, r := range b.Networking {
		out := networkingRule{From: []peer{}, Ports: []networkPort{}}
		for _, g := range r.FromGroups {
			out.From = append(out.From, peer{SecurityGroup: &peerGroup{reference(g)}})
		}
		for _, c := range r.FromCIDRs {
			out.From = append(out.From, peer{IPBlock: &ipBlock{c}})
		}
		for _, p := range r.Ports {
			out.Ports = append(out.Ports, networkPort{p.Protocol, number(p.Port)})
		}
		s.Networking.Ingress = append(s.Networking.Ingress, out)
	}
	return binding{bindingTemplate{bindingMetadata{Name: b.Name, Namespace: b.Namespace, Labels: b.Labels,
		Annotations: b.Annotations}, s}}
}
