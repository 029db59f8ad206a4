package reference

import "slices"

// logins is where both kinds of logins have the same fields.
var logins = []string{"actions[].authenticateOIDCConfig.", "actions[].authenticateCognitoConfig."}

// listenerRule is about ListenerRuleConfigurations.
func listenerRule() []entry {
	out := slices.Clone(ruleActions)
	for _, at := range logins {
		out = append(out,
			entry{path: at + "scope", of: alb, effect: "Scope."},
			entry{path: at + "authenticationRequestExtraParams", of: alb, absent: "none",
				effect: "AuthenticationRequestExtraParams."},
			entry{path: at + "onUnauthenticatedRequest", of: alb, effect: "OnUnauthenticatedRequest."},
			entry{path: at + "sessionCookieName", of: alb, effect: "SessionCookieName."},
			entry{path: at + "sessionTimeout", of: alb, effect: "SessionTimeout, in seconds."},
		)
	}
	return append(out, afterLogins...)
}

var ruleActions = []entry{
	{path: "actions", of: alb, absent: "none", effect: "Actions of the rules, in addition to the actions of the route."},
	{path: "actions[].type", of: alb, effect: "The type of the action. The action has exactly the field for its type."},
	{path: "actions[].forwardConfig", of: alb, effect: "The forward to the backends of the route's rule."},
	{path: "actions[].forwardConfig.targetGroupStickinessConfig", of: alb, absent: "none",
		effect: "TargetGroupStickinessConfig: clients stay with one of several backends."},
	{path: "actions[].forwardConfig.targetGroupStickinessConfig.enabled", of: alb, effect: "Enabled."},
	{path: "actions[].forwardConfig.targetGroupStickinessConfig.durationSeconds", of: alb, effect: "DurationSeconds."},
	{path: "actions[].redirectConfig", of: alb, effect: "The query of the redirect. The rule's filter RequestRedirect " +
		"has all other fields."},
	{path: "actions[].redirectConfig.query", of: alb, effect: "Query of the redirect."},
	{path: "actions[].fixedResponseConfig", of: alb,
		effect: "A fixed response instead of the backends and redirects of the rule."},
	{path: "actions[].fixedResponseConfig.statusCode", of: alb, effect: "StatusCode: 200 to 299 or 400 to 599."},
	{path: "actions[].fixedResponseConfig.contentType", of: alb, effect: "ContentType."},
	{path: "actions[].fixedResponseConfig.messageBody", of: alb, absent: "empty", effect: "MessageBody."},
	{path: "actions[].authenticateOIDCConfig", of: alb,
		effect: "A login by OpenID Connect in front of the action; HTTPS listeners only."},
	{path: "actions[].authenticateOIDCConfig.issuer", of: alb, effect: "Issuer."},
	{path: "actions[].authenticateOIDCConfig.authorizationEndpoint", of: alb, effect: "AuthorizationEndpoint."},
	{path: "actions[].authenticateOIDCConfig.tokenEndpoint", of: alb, effect: "TokenEndpoint."},
	{path: "actions[].authenticateOIDCConfig.userInfoEndpoint", of: alb, effect: "UserInfoEndpoint."},
	{path: "actions[].authenticateOIDCConfig.secret", of: alb, effect: "A Secret in the namespace of the configuration."},
	{path: "actions[].authenticateOIDCConfig.secret.name", of: alb,
		effect: "ClientId and ClientSecret: keys `clientID` (or `clientId`) and `clientSecret`."},
	{path: "actions[].authenticateOIDCConfig.useExistingClientSecret", of: alb, absent: "`false`", ignored: true,
		effect: "the Secret is always used."},
	{path: "actions[].authenticateCognitoConfig", of: alb,
		effect: "A login by a user pool of Amazon Cognito in front of the action; HTTPS listeners only."},
	{path: "actions[].authenticateCognitoConfig.userPoolArn", of: alb, effect: "UserPoolArn."},
	{path: "actions[].authenticateCognitoConfig.userPoolClientId", of: alb, effect: "UserPoolClientId."},
	{path: "actions[].authenticateCognitoConfig.userPoolDomain", of: alb, effect: "UserPoolDomain."},
}

var afterLogins = []entry{
	{path: "actions[].jwtValidationConfig", of: alb,
		effect: "Validation of the request's token in front of the action; HTTPS listeners only."},
	{path: "actions[].jwtValidationConfig.issuer", of: alb, effect: "Issuer."},
	{path: "actions[].jwtValidationConfig.jwksEndpoint", of: alb, effect: "JwksEndpoint."},
	{path: "actions[].jwtValidationConfig.additionalClaims", of: alb, absent: "none",
		effect: "AdditionalClaims that a token must have."},
	{path: "actions[].jwtValidationConfig.additionalClaims[].name", of: alb, effect: "Name."},
	{path: "actions[].jwtValidationConfig.additionalClaims[].format", of: alb, effect: "Format."},
	{path: "actions[].jwtValidationConfig.additionalClaims[].values", of: alb,
		effect: "Values. The claim must have one of these values."},
	{path: "conditions", of: alb, absent: "none",
		effect: "Conditions of the rules, in addition to the matches of the route."},
	{path: "conditions[].field", of: alb, effect: "The type of the condition."},
	{path: "conditions[].sourceIPConfig", of: alb, effect: "Present with field `source-ip`."},
	{path: "conditions[].sourceIPConfig.values", of: alb,
		effect: "SourceIpConfig.Values: address ranges of clients. AWS allows five values in a rule; for more values, the " +
			"controller creates several rules."},
	{path: "conditions[].matchIndexes", of: alb, absent: "all",
		effect: "The matches of the rule that get the condition, counted from 0. If the rule does not have one of these " +
			"matches, another match may be open to all addresses. In this case, the rule keeps its last valid version, and a " +
			"new rule answers 500."},
	{path: "tags", of: alb, absent: "`--default-tags`", effect: "Tags of the rules."},
}
