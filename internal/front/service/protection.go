package service

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// DeletionProtection is what a Service declares about the deletion protection of its load balancer; not set if it says nothing.
func DeletionProtection(svc *corev1.Service) intent.Field[bool] {
	read := annotation.NewReader(&annotation.Findings{}, Object(svc), svc.Annotations)
	attributes := read.Map(annotation.ServiceAttributes)
	on, err := strconv.ParseBool(attributes.Value["deletion_protection.enabled"])
	if err != nil {
		return intent.Field[bool]{}
	}
	return intent.Of(on, attributes.Source)
}
