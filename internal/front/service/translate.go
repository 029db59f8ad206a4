package service

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// Translate turns a Service into the wish for its network load balancer, with one member: the Service. Every finding is among
// the member's diagnostics.
func Translate(v *world.View, cfg Config, svc *corev1.Service) intent.Entrance {
	return intent.Entrance{
		Key:   stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}},
		Type:  stack.Network,
		Names: intent.Names{ServiceUID: string(svc.UID)},
	}
}
