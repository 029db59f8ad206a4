package annotation

import (
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/stackjson"
)

// Action is the value of annotations Actions and ServiceActions. Services have forwards only.
type Action struct {
	Type            string                   `json:"type"`
	TargetGroupARN  *string                  `json:"targetGroupARN"`
	TargetGroupName *string                  `json:"targetGroupName"`
	FixedResponse   *stackjson.FixedResponse `json:"fixedResponseConfig"`
	Redirect        *stackjson.Redirect      `json:"redirectConfig"`
	Forward         *Forward                 `json:"forwardConfig"`
}

// Forward is a forward to several target groups.
type Forward struct {
	BaseWeight   *int32        `json:"baseServiceWeight"` // of the annotated Service's own target group
	TargetGroups []TargetGroup `json:"targetGroups"`
	Stickiness   *struct {
		Enabled         *bool  `json:"enabled"`
		DurationSeconds *int32 `json:"durationSeconds"` // of Ingresses
	} `json:"targetGroupStickinessConfig"`
}

// TargetGroup is one target of a forward: a target group of the user, by ARN or name, or that of a Service's port.
type TargetGroup struct {
	ARN         *string             `json:"targetGroupARN"`
	Name        *string             `json:"targetGroupName"` // of Ingresses
	ServiceName *string             `json:"serviceName"`
	ServicePort *intstr.IntOrString `json:"servicePort"`
	Decrypt     *bool               `json:"decrypt"` // of Services: targets of a TLS listener are reached by TCP
	Weight      *int32              `json:"weight"`
}
