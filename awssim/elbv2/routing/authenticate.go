package routing

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

var (
	cookieName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	poolARN    = regexp.MustCompile(`^arn:[^:\s]+:cognito-idp:[a-z0-9-]+:[0-9]+:userpool/[^\s/]+$`)
	poolDomain = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
)

// session checks and completes what both ways to authenticate have in common.
func session(cookie, scope *string, timeout *int64, behaviour string, extra map[string]string) (
	account.Session, error) {
	out := account.Session{
		Cookie: cmp.Or(aws.ToString(cookie), "AWSELBAuthSessionCookie"), Scope: cmp.Or(aws.ToString(scope), "openid"),
		TimeoutSeconds: 604800, OnUnauthenticated: cmp.Or(behaviour, "authenticate"), ExtraParams: maps.Clone(extra),
	}
	if timeout != nil {
		out.TimeoutSeconds = *timeout
	}
	return out, check.First(
		check.When(out.TimeoutSeconds < 1 || out.TimeoutSeconds > 604800, check.Constraint("sessionTimeout",
			fmt.Sprint(out.TimeoutSeconds), "be between 1 and 604800")),
		check.When(!cookieName.MatchString(out.Cookie),
			InvalidAction("The session cookie name '%s' must be the name of a cookie", out.Cookie)),
		check.When(len(extra) > 10, check.Invalid("You cannot specify more than '10' extra request parameters")),
	)
}

// endpoint requires an https URL with a path.
func endpoint(field string, v *string) error {
	if v == nil {
		return check.Present(field, v)
	}
	u, err := url.Parse(*v)
	return check.When(err != nil || u.Scheme != "https" || u.Host == "",
		InvalidAction("The %s '%s' must be a valid https URL", field, *v))
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
			return nil, check.Invalid("A client secret cannot be specified together with UseExistingClientSecret")
		}
		i := slices.IndexFunc(before, func(a account.Action) bool { return a.OIDC != nil && a.OIDC.ClientID == out.ClientID })
		if i < 0 {
			return nil, InvalidAction("There is no existing client secret for the client ID '%s'", out.ClientID)
		}
		out.ClientSecret = before[i].OIDC.ClientSecret
	}
	return out, check.First(check.OneOf("onUnauthenticatedRequest", on, on.Values()), err, endpoint("issuer", c.Issuer),
		endpoint("authorizationEndpoint", c.AuthorizationEndpoint), endpoint("tokenEndpoint", c.TokenEndpoint),
		endpoint("userInfoEndpoint", c.UserInfoEndpoint), check.Present("clientId", c.ClientId),
		check.When(out.ClientSecret == "", InvalidAction("A client secret must be specified")))
}

func cognito(c *types.AuthenticateCognitoActionConfig) (*account.Cognito, error) {
	on := c.OnUnauthenticatedRequest
	common, err := session(c.SessionCookieName, c.Scope, c.SessionTimeout, string(on), c.AuthenticationRequestExtraParams)
	return &account.Cognito{
		Session: common, UserPoolARN: aws.ToString(c.UserPoolArn), UserPoolClientID: aws.ToString(c.UserPoolClientId),
		UserPoolDomain: aws.ToString(c.UserPoolDomain),
	}, check.First(check.OneOf("onUnauthenticatedRequest", on, on.Values()), err,
		check.Present("userPoolArn", c.UserPoolArn),
		check.Present("userPoolClientId", c.UserPoolClientId), check.Present("userPoolDomain", c.UserPoolDomain),
		check.When(!poolARN.MatchString(aws.ToString(c.UserPoolArn)),
			InvalidAction("The user pool ARN '%s' is not valid", aws.ToString(c.UserPoolArn))),
		check.When(!poolDomain.MatchString(aws.ToString(c.UserPoolDomain)),
			InvalidAction("The user pool domain '%s' is not valid", aws.ToString(c.UserPoolDomain))))
}

// checkUserPool holds an authenticate-cognito action against the account's user pools, as a load balancer does by
// cognito-idp:DescribeUserPoolClient. An account that was described without user pools takes any.
func checkUserPool(a *account.Account, c *account.Cognito) error {
	if a.UserPools == nil {
		return nil
	}
	pool := a.UserPools[c.UserPoolARN]
	if pool == nil {
		return InvalidAction("The user pool '%s' does not exist", c.UserPoolARN)
	}
	secret, ok := pool.Clients[c.UserPoolClientID]
	return check.First(
		check.When(!ok, InvalidAction("The user pool client '%s' does not exist in the user pool '%s'", c.UserPoolClientID,
			c.UserPoolARN)),
		check.When(pool.Domain != c.UserPoolDomain, InvalidAction("The user pool domain '%s' is not that of the "+
			"user pool '%s'", c.UserPoolDomain, c.UserPoolARN)),
		check.When(secret == "", InvalidAction("The user pool client '%s' must have a client secret", c.UserPoolClientID)),
	)
}

// reservedClaims are validated without being named.
var reservedClaims = []string{"exp", "iss", "nbf", "iat"}

func jwt(c *types.JwtValidationActionConfig) (*account.JWT, error) {
	out := &account.JWT{JWKSEndpoint: aws.ToString(c.JwksEndpoint), Issuer: aws.ToString(c.Issuer)}
	if err := check.First(endpoint("jwksEndpoint", c.JwksEndpoint), check.AtMost("jwksEndpoint", out.JWKSEndpoint, 256),
		check.Present("issuer", c.Issuer), check.AtMost("issuer", out.Issuer, 256),
		check.When(len(c.AdditionalClaims) > 10,
			InvalidAction("You cannot specify more than '10' additional claims"))); err != nil {
		return nil, err
	}
	for _, claim := range c.AdditionalClaims {
		name := aws.ToString(claim.Name)
		if err := check.First(check.Present("additionalClaims.member.name", claim.Name),
			check.When(claim.Format == "", check.Present[string]("additionalClaims.member.format", nil)),
			check.OneOf("additionalClaims.member.format", claim.Format, claim.Format.Values()),
			check.When(slices.Contains(reservedClaims, name), InvalidAction("The claim '%s' cannot be an additional claim",
				name)),
			check.When(len(claim.Values) == 0 || len(claim.Values) > 10, InvalidAction("The claim '%s' must have from '1' "+
				"to '10' values", name))); err != nil {
			return nil, err
		}
		for _, v := range claim.Values {
			if err := check.AtMost("additionalClaims.member.values.member", v, 256); err != nil {
				return nil, err
			}
		}
		out.Claims = append(out.Claims, account.JWTClaim{Name: name, Format: string(claim.Format),
			Values: slices.Clone(claim.Values)})
	}
	return out, nil
}
