// Package routing is what rules and listeners do with a request: conditions, actions and transforms, converted from the
// SDK's form and checked, compared, and converted back. It holds no rule and changes no account; it imports
// awssim/account, internal/model/stack, elbv2/request and elbv2/check.
package routing

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	maxActions     = 5
	maxOrder       = 50000
	maxWeight      = 999
	maxStickiness  = 604800 // seconds
	maxMessageBody = 1024   // bytes
)

// InvalidAction is the answer to an action whose content no load balancer accepts.
func InvalidAction(format string, args ...any) error {
	return apierr.New("InvalidLoadBalancerAction", format, args...)
}

// Actions converts the actions of a rule or a listener of a load balancer of that type, with AWS's defaults filled in,
// and checks what does not depend on the account. before is the actions that they replace.
func Actions(a *account.Account, lbType string, in []types.Action, before []account.Action) ([]account.Action, error) {
	if err := check.Some("actions", in); err != nil {
		return nil, err
	}
	if len(in) > maxActions {
		return nil, apierr.New("TooManyActions", "The maximum number of actions, '%d', would be exceeded", maxActions)
	}
	out := make([]account.Action, len(in))
	orders := map[int32]bool{}
	for i, asked := range in {
		if err := check.First(check.When(asked.Type == "", check.Present[string]("actions.member.type", nil)),
			check.OneOf("actions.member.type", asked.Type, asked.Type.Values()),
			check.Between("actions.member.order", asked.Order, 1, maxOrder),
			check.When(asked.Order == nil && len(in) > 1, check.Invalid("An action order must be specified when there is more "+
				"than one action"))); err != nil {
			return nil, err
		}
		if lbType != request.Application && (asked.Type != types.ActionTypeEnumForward || len(in) > 1) {
			return nil, InvalidAction("Listeners of load balancers with type '%s' must have exactly one action, of "+
				"type 'forward'", lbType)
		}
		converted, err := action(a, lbType, asked, before)
		if err != nil {
			return nil, err
		}
		converted.Order = 1
		if asked.Order != nil {
			converted.Order = *asked.Order
		}
		if orders[converted.Order] {
			return nil, check.Invalid("The action order '%d' is used more than once", converted.Order)
		}
		orders[converted.Order] = true
		out[i] = converted
	}
	slices.SortFunc(out, func(x, y account.Action) int { return cmp.Compare(x.Order, y.Order) })
	return out, checkSequence(out)
}

// checkSequence requires one action that answers, at the end, and at most one before it that identifies the client.
func checkSequence(actions []account.Action) error {
	answers, identifies := 0, 0
	for _, a := range actions {
		if Terminal(a) {
			answers++
		} else {
			identifies++
		}
	}
	switch {
	case answers != 1:
		return check.Invalid("Actions must include exactly one of the types 'forward', 'redirect' and 'fixed-response'")
	case !Terminal(actions[len(actions)-1]):
		return check.Invalid("The action of type 'forward', 'redirect' or 'fixed-response' must have the highest order")
	case identifies > 1:
		return check.Invalid("Actions can include only one of the types 'authenticate-oidc', 'authenticate-cognito' and " +
			"'jwt-validation'")
	}
	return nil
}

// Terminal reports whether an action answers the request, in place of identifying the client.
func Terminal(a account.Action) bool { return a.OIDC == nil && a.Cognito == nil && a.JWT == nil }

// action converts one action.
func action(a *account.Account, lbType string, in types.Action, before []account.Action) (account.Action, error) {
	out := account.Action{Action: stack.Action{Type: stack.ActionType(in.Type)}}
	missing := func(given bool, field string) error {
		return check.When(!given, check.Invalid("A '%s' must be specified for actions of type '%s'", field, in.Type))
	}
	var err error
	switch in.Type {
	case types.ActionTypeEnumForward:
		out.Forward, err = forward(a, lbType, in)
	case types.ActionTypeEnumRedirect:
		if err = missing(in.RedirectConfig != nil, "RedirectConfig"); err == nil {
			out.Redirect, err = redirect(in.RedirectConfig)
		}
	case types.ActionTypeEnumFixedResponse:
		if err = missing(in.FixedResponseConfig != nil, "FixedResponseConfig"); err == nil {
			out.FixedResponse, err = fixedResponse(in.FixedResponseConfig)
		}
	case types.ActionTypeEnumAuthenticateOidc:
		if err = missing(in.AuthenticateOidcConfig != nil, "AuthenticateOidcConfig"); err == nil {
			out.OIDC, err = oidc(in.AuthenticateOidcConfig, before)
		}
	case types.ActionTypeEnumAuthenticateCognito:
		if err = missing(in.AuthenticateCognitoConfig != nil, "AuthenticateCognitoConfig"); err == nil {
			out.Cognito, err = cognito(in.AuthenticateCognitoConfig)
		}
		if err == nil {
			err = checkUserPool(a, out.Cognito)
		}
	case types.ActionTypeEnumJwtValidation:
		if err = missing(in.JwtValidationConfig != nil, "JwtValidationConfig"); err == nil {
			out.JWT, err = jwt(in.JwtValidationConfig)
		}
	}
	return out, err
}

// forward converts both forms of a forward action into the one that AWS answers.
func forward(a *account.Account, lbType string, in types.Action) (*stack.Forward, error) {
	config := in.ForwardConfig
	if config == nil {
		config = &types.ForwardActionConfig{}
	}
	groups := config.TargetGroups
	if arn := aws.ToString(in.TargetGroupArn); arn != "" {
		if len(groups) == 0 {
			groups = []types.TargetGroupTuple{{TargetGroupArn: aws.String(arn)}}
		}
		if len(groups) != 1 || aws.ToString(groups[0].TargetGroupArn) != arn {
			return nil, check.Invalid("The target group '%s' must be the only one of the forward configuration when both "+
				"are specified", arn)
		}
	}
	if len(groups) == 0 {
		return nil, check.Invalid("At least one target group must be specified for actions of type 'forward'")
	}
	most := a.Quota(request.QuotaGroupsPerALBAction)
	if lbType == request.Network {
		most = a.Quota(request.QuotaGroupsPerNLBAction)
	}
	if len(groups) > most {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups per action, '%d', "+
			"would be exceeded", most)
	}
	out := &stack.Forward{}
	seen := map[string]bool{}
	for _, g := range groups {
		arn := aws.ToString(g.TargetGroupArn)
		if err := check.First(check.Present("targetGroupArn", g.TargetGroupArn), check.Between("weight", g.Weight,
			0, maxWeight),
			request.WellFormed(a, request.KindTargetGroup, arn),
			check.When(seen[arn], check.Invalid("The target group '%s' is specified more than once", arn))); err != nil {
			return nil, err
		}
		seen[arn] = true
		weight := int32(1)
		if g.Weight != nil {
			weight = *g.Weight
		}
		out.TargetGroups = append(out.TargetGroups, stack.WeightedTargetGroup{
			TargetGroup: stack.Literal(stack.KindTargetGroup, arn), Weight: &weight})
	}
	out.Stickiness = &stack.Stickiness{}
	if c := config.TargetGroupStickinessConfig; c != nil {
		out.Stickiness.Enabled, out.Stickiness.DurationSeconds = aws.ToBool(c.Enabled), aws.ToInt32(c.DurationSeconds)
		if err := check.First(check.Between("durationSeconds", c.DurationSeconds, 1, maxStickiness),
			check.When(out.Stickiness.Enabled && c.DurationSeconds == nil && lbType == request.Application,
				check.Invalid("A duration must be specified when target group stickiness is enabled"))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Placeholders by which a redirect keeps the parts that it does not name.
const (
	sameProtocol = "#{protocol}"
	samePort     = "#{port}"
	sameHost     = "#{host}"
	samePath     = "/#{path}"
	sameQuery    = "#{query}"
)

// redirectHost are the characters of a redirect's host.
const redirectHost = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

func redirect(c *types.RedirectActionConfig) (*stack.Redirect, error) {
	keep := func(v *string, same string) string {
		if v == nil {
			return same
		}
		return *v
	}
	r := &stack.Redirect{
		Host: keep(c.Host, sameHost), Path: keep(c.Path, samePath), Port: keep(c.Port, samePort),
		Protocol: keep(c.Protocol, sameProtocol), Query: keep(c.Query, sameQuery), StatusCode: string(c.StatusCode),
	}
	_, decimal := check.Number(r.Port, 1, 65535)
	if err := check.First(
		check.When(c.StatusCode == "", check.Present[string]("redirectConfig.statusCode", nil)),
		check.OneOf("redirectConfig.statusCode", c.StatusCode, c.StatusCode.Values()),
		check.When(!slices.Contains([]string{"HTTP", "HTTPS", sameProtocol}, r.Protocol),
			check.Constraint("redirectConfig.protocol", r.Protocol,
				`satisfy regular expression pattern: ^(HTTPS?|#\{protocol\})$`)),
		check.When(!decimal && r.Port != samePort, InvalidAction("The Port parameter must be a value from 1 to 65535 or '%s'",
			samePort)),
		check.When(r.Host == "", check.Constraint("redirectConfig.host", "", "have length greater than or equal to 1")),
		check.AtMost("redirectConfig.host", r.Host, 128),
		check.When(strings.Trim(strings.Replace(r.Host, sameHost, "", 1), redirectHost) != "",
			InvalidAction("The Host parameter must be a valid hostname and may contain the placeholder '#{host}' once")),
		check.AtMost("redirectConfig.path", r.Path, 128),
		check.AtMost("redirectConfig.query", r.Query, 128),
		check.When(strings.HasPrefix(r.Query, "?"), InvalidAction("The Query parameter must not begin with '?'")),
	); err != nil {
		return nil, err
	}
	for _, p := range []string{"#{path}", sameHost, samePort} {
		if !strings.HasPrefix(r.Path, "/") || strings.Count(r.Path, p) > 1 {
			return nil, InvalidAction("The Path parameter must be a valid path, should start with a '/', and may contain up " +
				"to one of each of these placeholders: '#{path}', '#{host}', '#{port}'.")
		}
	}
	if r.Protocol == sameProtocol && r.Port == samePort && r.Host == sameHost && r.Path == samePath {
		return nil, InvalidAction("The redirect configuration is not valid because it creates a loop.")
	}
	return r, nil
}

var (
	fixedStatus  = regexp.MustCompile(`^(2|4|5)\d\d$`)
	contentTypes = []string{"text/html", "application/json", "application/javascript", "text/css", "text/plain"}
)

func fixedResponse(c *types.FixedResponseActionConfig) (*stack.FixedResponse, error) {
	r := &stack.FixedResponse{StatusCode: aws.ToString(c.StatusCode), ContentType: aws.ToString(c.ContentType),
		MessageBody: aws.ToString(c.MessageBody)}
	if r.ContentType == "" && r.MessageBody != "" {
		r.ContentType = "text/plain"
	}
	return r, check.First(
		check.Present("fixedResponseConfig.statusCode", c.StatusCode),
		check.When(!fixedStatus.MatchString(r.StatusCode), check.Constraint("fixedResponseConfig.statusCode", r.StatusCode,
			`satisfy regular expression pattern: ^(2|4|5)\d\d$`)),
		check.When(r.ContentType != "" && !slices.Contains(contentTypes, r.ContentType),
			InvalidAction("The ContentType must be one of:%s", check.Quoted(contentTypes))),
		check.When(len(r.MessageBody) > maxMessageBody, check.Constraint("fixedResponseConfig.messageBody", r.MessageBody,
			"have length less than or equal to %d", maxMessageBody)),
	)
}
