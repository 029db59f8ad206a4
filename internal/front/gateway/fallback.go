package gateway

import (
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
)

// fallBack is the condition of a route of which the last valid version of a rule serves, by what was decided without
// that version.
func fallBack(refused, partly *attachment.Problem) *attachment.Problem {
	message := ""
	for _, p := range []*attachment.Problem{refused, partly} {
		if p != nil && message == "" {
			message = route.FallBack + strings.TrimPrefix(strings.TrimPrefix(p.Message, "Dropped Rule: "), route.FallBack)
		}
	}
	if message == "" {
		return nil
	}
	return &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: message}
}
