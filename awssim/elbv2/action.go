package elbv2

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	maxActions     = 5
	maxOrder       = 50000
	maxWeight      = 999
	maxStickiness  = 604800 // seconds
	maxMessageBody = 1024   // bytes
)

// badAction is the answer to an action whose content no load balancer accepts.
func badAction(format string, args ...any) error {
	return apierr.New("InvalidLoadBalancerAction", format, args...)
}

// actions converts the actions of a rule or a listener of a load balancer of that type, with AWS's defaults filled in,
// and checks what does not depend on the account. before is the actions that they replace.
func (s *Service) actions(lbType string, in []types.Action, before []account.Action) ([]account.Action, error) {
	if err := some("actions", in); err != nil {
		return nil, err
	}
	if len(in) > maxActions {
		return nil, apierr.New("TooManyActions", "The maximum number of actions, '%d', would be exceeded", maxActions)
	}
	out := make([]account.Action, len(in))
	orders := map[int32]bool{}
	for i, a := range in {
		if err := first(when(a.Type == "", present[string]("actions.member.type", nil)), oneOf("actions.member.type", a.Type, a.Type.Values()),
			between("actions.member.order", a.Order, 1, maxOrder),
			when(a.Order == nil && len(in) > 1, invalid("An action order must be specified when there is more than one action"))); err != nil {
			return nil, err
		}
		if lbType != application && (a.Type != types.ActionTypeEnumForward || len(in) > 1) {
			return nil, badAction("Listeners of load balancers with type '%s' must have exactly one action, of type 'forward'", lbType)
		}
		converted, err := s.action(lbType, a, before)
		if err != nil {
			return nil, err
		}
		converted.Order = 1
		if a.Order != nil {
			converted.Order = *a.Order
		}
		if orders[converted.Order] {
			return nil, invalid("The action order '%d' is used more than once", converted.Order)
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
		if terminal(a) {
			answers++
		} else {
			identifies++
		}
	}
	switch {
	case answers != 1:
		return invalid("Actions must include exactly one of the types 'forward', 'redirect' and 'fixed-response'")
	case !terminal(actions[len(actions)-1]):
		return invalid("The action of type 'forward', 'redirect' or 'fixed-response' must have the highest order")
	case identifies > 1:
		return invalid("Actions can include only one of the types 'authenticate-oidc', 'authenticate-cognito' and 'jwt-validation'")
	}
	return nil
}

func terminal(a account.Action) bool { return a.OIDC == nil && a.Cognito == nil && a.JWT == nil }

// action converts one action.
func (s *Service) action(lbType string, a types.Action, before []account.Action) (account.Action, error) {
	out := account.Action{Action: stack.Action{Type: stack.ActionType(a.Type)}}
	missing := func(given bool, field string) error {
		return when(!given, invalid("A '%s' must be specified for actions of type '%s'", field, a.Type))
	}
	var err error
	switch a.Type {
	case types.ActionTypeEnumForward:
		out.Forward, err = s.forward(lbType, a)
	case types.ActionTypeEnumRedirect:
		if err = missing(a.RedirectConfig != nil, "RedirectConfig"); err == nil {
			out.Redirect, err = redirect(a.RedirectConfig)
		}
	case types.ActionTypeEnumFixedResponse:
		if err = missing(a.FixedResponseConfig != nil, "FixedResponseConfig"); err == nil {
			out.FixedResponse, err = fixedResponse(a.FixedResponseConfig)
		}
	case types.ActionTypeEnumAuthenticateOidc:
		if err = missing(a.AuthenticateOidcConfig != nil, "AuthenticateOidcConfig"); err == nil {
			out.OIDC, err = oidc(a.AuthenticateOidcConfig, before)
		}
	case types.ActionTypeEnumAuthenticateCognito:
		if err = missing(a.AuthenticateCognitoConfig != nil, "AuthenticateCognitoConfig"); err == nil {
			out.Cognito, err = cognito(a.AuthenticateCognitoConfig)
		}
		if err == nil {
			err = s.checkUserPool(out.Cognito)
		}
	case types.ActionTypeEnumJwtValidation:
		if err = missing(a.JwtValidationConfig != nil, "JwtValidationConfig"); err == nil {
			out.JWT, err = jwt(a.JwtValidationConfig)
		}
	}
	return out, err
}

// forward converts the two ways to say it into the one that AWS answers.
func (s *Service) forward(lbType string, a types.Action) (*stack.Forward, error) {
	config := a.ForwardConfig
	if config == nil {
		config = &types.ForwardActionConfig{}
	}
	groups := config.TargetGroups
	if arn := aws.ToString(a.TargetGroupArn); arn != "" {
		if len(groups) == 0 {
			groups = []types.TargetGroupTuple{{TargetGroupArn: aws.String(arn)}}
		}
		if len(groups) != 1 || aws.ToString(groups[0].TargetGroupArn) != arn {
			return nil, invalid("The target group '%s' must be the only one of the forward configuration when both are specified", arn)
		}
	}
	if len(groups) == 0 {
		return nil, invalid("At least one target group must be specified for actions of type 'forward'")
	}
	most := s.limit(quotaGroupsPerALBAction)
	if lbType == network {
		most = s.limit(quotaGroupsPerNLBAction)
	}
	if len(groups) > most {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups per action, '%d', would be exceeded", most)
	}
	out := &stack.Forward{}
	seen := map[string]bool{}
	for _, g := range groups {
		arn := aws.ToString(g.TargetGroupArn)
		if err := first(present("targetGroupArn", g.TargetGroupArn), between("weight", g.Weight, 0, maxWeight),
			s.wellFormed(kindTargetGroup, arn), when(seen[arn], invalid("The target group '%s' is specified more than once", arn))); err != nil {
			return nil, err
		}
		seen[arn] = true
		weight := int32(1)
		if g.Weight != nil {
			weight = *g.Weight
		}
		out.TargetGroups = append(out.TargetGroups, stack.WeightedTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, arn), Weight: &weight})
	}
	out.Stickiness = &stack.Stickiness{}
	if c := config.TargetGroupStickinessConfig; c != nil {
		out.Stickiness.Enabled, out.Stickiness.DurationSeconds = aws.ToBool(c.Enabled), aws.ToInt32(c.DurationSeconds)
		if err := first(between("durationSeconds", c.DurationSeconds, 1, maxStickiness),
			when(out.Stickiness.Enabled && c.DurationSeconds == nil && lbType == application,
				invalid("A duration must be specified when target group stickiness is enabled"))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// What a redirect keeps when nothing is said.
const (
	sameProtocol = "#{protocol}"
	samePort     = "#{port}"
	sameHost     = "#{host}"
	samePath     = "/#{path}"
	sameQuery    = "#{query}"
)

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
	_, decimal := number(r.Port, 1, 65535)
	if err := first(
		when(c.StatusCode == "", present[string]("redirectConfig.statusCode", nil)),
		oneOf("redirectConfig.statusCode", c.StatusCode, c.StatusCode.Values()),
		when(!slices.Contains([]string{"HTTP", "HTTPS", sameProtocol}, r.Protocol),
			shape("redirectConfig.protocol", r.Protocol, `satisfy regular expression pattern: ^(HTTPS?|#\{protocol\})$`)),
		when(!decimal && r.Port != samePort, badAction("The Port parameter must be a value from 1 to 65535 or '%s'", samePort)),
		when(r.Host == "", shape("redirectConfig.host", "", "have length greater than or equal to 1")),
		atMost("redirectConfig.host", r.Host, 128),
		atMost("redirectConfig.path", r.Path, 128),
		atMost("redirectConfig.query", r.Query, 128),
		when(strings.HasPrefix(r.Query, "?"), badAction("The Query parameter must not begin with '?'")),
	); err != nil {
		return nil, err
	}
	for _, p := range []string{"#{path}", sameHost, samePort} {
		if !strings.HasPrefix(r.Path, "/") || strings.Count(r.Path, p) > 1 {
			return nil, badAction("The Path parameter must be a valid path, should start with a '/', and may contain up to one of each of these placeholders: '#{path}', '#{host}', '#{port}'.")
		}
	}
	if r.Protocol == sameProtocol && r.Port == samePort && r.Host == sameHost && r.Path == samePath {
		return nil, badAction("The redirect configuration is not valid because it creates a loop.")
	}
	return r, nil
}

var (
	fixedStatus  = regexp.MustCompile(`^(2|4|5)\d\d$`)
	contentTypes = []string{"text/html", "application/json", "application/javascript", "text/css", "text/plain"}
)

func fixedResponse(c *types.FixedResponseActionConfig) (*stack.FixedResponse, error) {
	r := &stack.FixedResponse{StatusCode: aws.ToString(c.StatusCode), ContentType: aws.ToString(c.ContentType), MessageBody: aws.ToString(c.MessageBody)}
	if r.ContentType == "" && r.MessageBody != "" {
		r.ContentType = "text/plain"
	}
	return r, first(
		present("fixedResponseConfig.statusCode", c.StatusCode),
		when(!fixedStatus.MatchString(r.StatusCode), shape("fixedResponseConfig.statusCode", r.StatusCode, `satisfy regular expression pattern: ^(2|4|5)\d\d$`)),
		when(r.ContentType != "" && !slices.Contains(contentTypes, r.ContentType), badAction("The ContentType must be one of:%s", quoted(contentTypes))),
		when(len(r.MessageBody) > maxMessageBody, shape("fixedResponseConfig.messageBody", r.MessageBody, "have length less than or equal to %d", maxMessageBody)),
	)
}

// session checks and completes what both ways to authenticate have in common.
func session(cookie, scope *string, timeout *int64, behaviour string, extra map[string]string) (account.Session, error) {
	out := account.Session{
		Cookie: cmp.Or(aws.ToString(cookie), "AWSELBAuthSessionCookie"), Scope: cmp.Or(aws.ToString(scope), "openid"),
		TimeoutSeconds: 604800, OnUnauthenticated: cmp.Or(behaviour, "authenticate"), ExtraParams: maps.Clone(extra),
	}
	if timeout != nil {
		out.TimeoutSeconds = *timeout
	}
	return out, first(
		when(out.TimeoutSeconds < 1 || out.TimeoutSeconds > 604800, shape("sessionTimeout", fmt.Sprint(out.TimeoutSeconds), "be between 1 and 604800")),
		when(len(extra) > 10, invalid("You cannot specify more than '10' extra request parameters")),
	)
}

// endpoint requires an https URL with a path.
func endpoint(field string, v *string) error {
	if v == nil {
		return present(field, v)
	}
	u, err := url.Parse(*v)
	return when(err != nil || u.Scheme != "https" || u.Host == "", badAction("The %s '%s' must be a valid https URL", field, *v))
}

func oidc(c *types.AuthenticateOidcActionConfig, before []account.Action) (*account.OIDC, error) {
	on := c.OnUnauthenticatedRequest
	common, err := session(c.SessionCookieName, c.Scope, c.SessionTimeout, string(on), c.AuthenticationRequestExtraParams)
	out := &account.OIDC{
		Session: common, Issuer: aws.ToString(c.Issuer), AuthorizationEndpoint: aws.ToString(c.AuthorizationEndpoint),
		TokenEndpoint: aws.ToString(c.TokenEndpoint), UserInfoEndpoint: aws.ToString(c.UserInfoEndpoint),
		ClientID: aws.ToString(c.ClientId), ClientSecret: aws.ToString(c.ClientSecret),
	}
	if aws.ToBool(c.UseExistingClientSecret) {
		if c.ClientSecret != nil {
			return nil, invalid("A client secret cannot be specified together with UseExistingClientSecret")
		}
		i := slices.IndexFunc(before, func(a account.Action) bool { return a.OIDC != nil && a.OIDC.ClientID == out.ClientID })
		if i < 0 {
			return nil, badAction("There is no existing client secret for the client ID '%s'", out.ClientID)
		}
		out.ClientSecret = before[i].OIDC.ClientSecret
	}
	return out, first(oneOf("onUnauthenticatedRequest", on, on.Values()), err, endpoint("issuer", c.Issuer),
		endpoint("authorizationEndpoint", c.AuthorizationEndpoint), endpoint("tokenEndpoint", c.TokenEndpoint),
		endpoint("userInfoEndpoint", c.UserInfoEndpoint), present("clientId", c.ClientId),
		when(out.ClientSecret == "", badAction("A client secret must be specified")))
}

func cognito(c *types.AuthenticateCognitoActionConfig) (*account.Cognito, error) {
	on := c.OnUnauthenticatedRequest
	common, err := session(c.SessionCookieName, c.Scope, c.SessionTimeout, string(on), c.AuthenticationRequestExtraParams)
	return &account.Cognito{
			Session: common, UserPoolARN: aws.ToString(c.UserPoolArn), UserPoolClientID: aws.ToString(c.UserPoolClientId), UserPoolDomain: aws.ToString(c.UserPoolDomain),
		}, first(oneOf("onUnauthenticatedRequest", on, on.Values()), err, present("userPoolArn", c.UserPoolArn),
			present("userPoolClientId", c.UserPoolClientId), present("userPoolDomain", c.UserPoolDomain))
}

// reservedClaims are validated without being asked for.
var reservedClaims = []string{"exp", "iss", "nbf", "iat"}

func jwt(c *types.JwtValidationActionConfig) (*account.JWT, error) {
	out := &account.JWT{JWKSEndpoint: aws.ToString(c.JwksEndpoint), Issuer: aws.ToString(c.Issuer)}
	if err := first(endpoint("jwksEndpoint", c.JwksEndpoint), atMost("jwksEndpoint", out.JWKSEndpoint, 256),
		present("issuer", c.Issuer), atMost("issuer", out.Issuer, 256),
		when(len(c.AdditionalClaims) > 10, badAction("You cannot specify more than '10' additional claims"))); err != nil {
		return nil, err
	}
	for _, claim := range c.AdditionalClaims {
		name := aws.ToString(claim.Name)
		if err := first(present("additionalClaims.member.name", claim.Name),
			when(claim.Format == "", present[string]("additionalClaims.member.format", nil)), oneOf("additionalClaims.member.format", claim.Format, claim.Format.Values()),
			when(slices.Contains(reservedClaims, name), badAction("The claim '%s' cannot be an additional claim", name)),
			when(len(claim.Values) == 0 || len(claim.Values) > 10, badAction("The claim '%s' must have from '1' to '10' values", name))); err != nil {
			return nil, err
		}
		for _, v := range claim.Values {
			if err := atMost("additionalClaims.member.values.member", v, 256); err != nil {
				return nil, err
			}
		}
		out.Claims = append(out.Claims, account.JWTClaim{Name: name, Format: string(claim.Format), Values: slices.Clone(claim.Values)})
	}
	return out, nil
}
