package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ActionType is the type of an action of a listener rule.
// +kubebuilder:validation:Enum=forward;redirect;fixed-response;authenticate-cognito;authenticate-oidc;jwt-validation
type ActionType string

// Types of actions.
const (
	ActionForward             ActionType = "forward"
	ActionRedirect            ActionType = "redirect"
	ActionFixedResponse       ActionType = "fixed-response"
	ActionAuthenticateCognito ActionType = "authenticate-cognito"
	ActionAuthenticateOIDC    ActionType = "authenticate-oidc"
	ActionJWTValidation       ActionType = "jwt-validation"
)

// TargetGroupStickinessConfig sends requests of a client to the same target group of a forward action.
type TargetGroupStickinessConfig struct {
	// Enabled turns stickiness on.
	// +optional
	// +kubebuilder:default=false
	Enabled *bool `json:"enabled,omitempty"`
	// DurationSeconds is the duration of the stickiness.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	DurationSeconds *int32 `json:"durationSeconds,omitempty"`
}

// ForwardActionConfig completes the forward action of a route, in addition to its target groups.
type ForwardActionConfig struct {
	// TargetGroupStickinessConfig sends requests of a client to the same target group.
	// +optional
	TargetGroupStickinessConfig *TargetGroupStickinessConfig `json:"targetGroupStickinessConfig,omitempty"`
}

// RedirectActionConfig completes a redirect, in addition to the RequestRedirect filter.
type RedirectActionConfig struct {
	// Query is the query of the location, without the leading question mark.
	// +optional
	// +kubebuilder:default="#{query}"
	Query *string `json:"query,omitempty"`
}

// ContentType is the content type of a fixed response.
// +kubebuilder:validation:Enum=text/plain;text/css;text/html;application/javascript;application/json
type ContentType string

// FixedResponseActionConfig is a response that the load balancer itself sends.
type FixedResponseActionConfig struct {
	// StatusCode of the answer: 200 to 299 or 400 to 599.
	// +kubebuilder:validation:XValidation:rule="(self >= 200 && self <= 299) || (self >= 400 && self <= 599)",message="statusCode must be from 200 to 299 or from 400 to 599"
	StatusCode int32 `json:"statusCode"`
	// ContentType of the answer.
	// +optional
	// +kubebuilder:default=text/plain
	ContentType *ContentType `json:"contentType,omitempty"`
	// MessageBody of the answer.
	// +optional
	MessageBody *string `json:"messageBody,omitempty"`
}

// OnUnauthenticatedRequest is what happens to a user who is not signed in.
// +kubebuilder:validation:Enum=deny;allow;authenticate
type OnUnauthenticatedRequest string

// AuthenticateSession has the fields that both types of login have in common.
type AuthenticateSession struct {
	// AuthenticationRequestExtraParams are query parameters of the redirect to the authorization endpoint.
	// +optional
	// +kubebuilder:validation:MaxProperties=10
	AuthenticationRequestExtraParams map[string]string `json:"authenticationRequestExtraParams,omitempty"`
	// OnUnauthenticatedRequest is what happens to a user who is not signed in.
	// +optional
	// +kubebuilder:default=authenticate
	OnUnauthenticatedRequest *OnUnauthenticatedRequest `json:"onUnauthenticatedRequest,omitempty"`
	// Scope is the set of requested user claims.
	// +optional
	// +kubebuilder:default=openid
	Scope *string `json:"scope,omitempty"`
	// SessionCookieName is the name of the session cookie.
	// +optional
	// +kubebuilder:default=AWSELBAuthSessionCookie
	SessionCookieName *string `json:"sessionCookieName,omitempty"`
	// SessionTimeout is the longest duration of a session, in seconds.
	// +optional
	// +kubebuilder:default=604800
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	SessionTimeout *int64 `json:"sessionTimeout,omitempty"`
}

// AuthenticateCognitoActionConfig signs users in by Amazon Cognito.
type AuthenticateCognitoActionConfig struct {
	// UserPoolArn is the ARN of the user pool.
	UserPoolArn string `json:"userPoolArn"`
	// UserPoolClientID is the id of the user pool's client.
	UserPoolClientID string `json:"userPoolClientId"`
	// UserPoolDomain is the domain of the user pool.
	UserPoolDomain string `json:"userPoolDomain"`

	AuthenticateSession `json:",inline"`
}

// Secret names a Secret in the namespace of the route.
type Secret struct {
	// Name of the Secret, with the keys clientID and clientSecret.
	Name string `json:"name"`
}

// AuthenticateOIDCActionConfig signs users in by an OpenID provider.
type AuthenticateOIDCActionConfig struct {
	// Issuer is the issuer of the provider.
	Issuer string `json:"issuer"`
	// AuthorizationEndpoint of the provider.
	AuthorizationEndpoint string `json:"authorizationEndpoint"`
	// TokenEndpoint of the provider.
	TokenEndpoint string `json:"tokenEndpoint"`
	// UserInfoEndpoint of the provider.
	UserInfoEndpoint string `json:"userInfoEndpoint"`
	// Secret contains the client's id and secret.
	Secret *Secret `json:"secret"`
	// UseExistingClientSecret has no effect.
	// +optional
	UseExistingClientSecret *bool `json:"useExistingClientSecret,omitempty"`

	AuthenticateSession `json:",inline"`
}

// ClaimFormat is the format of a claim's value.
// +kubebuilder:validation:Enum=single-string;string-array;space-separated-values
type ClaimFormat string

// ClaimValue is one value of a claim.
// +kubebuilder:validation:MaxLength=256
type ClaimValue string

// AdditionalClaim is a claim that a token must have.
type AdditionalClaim struct {
	// Format of the claim's value.
	Format ClaimFormat `json:"format"`
	// Name of the claim.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Values that the load balancer accepts.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Values []ClaimValue `json:"values"`
}

// JWTValidationActionConfig admits requests with a valid JSON Web Token.
type JWTValidationActionConfig struct {
	// Issuer of the tokens.
	// +kubebuilder:validation:MaxLength=256
	Issuer string `json:"issuer"`
	// JWKSEndpoint has the keys with which the tokens are signed.
	// +kubebuilder:validation:MaxLength=256
	JWKSEndpoint string `json:"jwksEndpoint"`
	// AdditionalClaims that a token must have.
	// +optional
	AdditionalClaims []AdditionalClaim `json:"additionalClaims,omitempty"`
}

// Action is an action of the rules of a route, or completes the action of the route's filters.
// +kubebuilder:validation:XValidation:rule="has(self.forwardConfig) == (self.type == 'forward')",message="forwardConfig must be set when type is forward, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.redirectConfig) == (self.type == 'redirect')",message="redirectConfig must be set when type is redirect, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.fixedResponseConfig) == (self.type == 'fixed-response')",message="fixedResponseConfig must be set when type is fixed-response, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.authenticateCognitoConfig) == (self.type == 'authenticate-cognito')",message="authenticateCognitoConfig must be set when type is authenticate-cognito, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.authenticateOIDCConfig) == (self.type == 'authenticate-oidc')",message="authenticateOIDCConfig must be set when type is authenticate-oidc, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.jwtValidationConfig) == (self.type == 'jwt-validation')",message="jwtValidationConfig must be set when type is jwt-validation, and only then"
type Action struct {
	// Type of the action.
	Type ActionType `json:"type"`
	// ForwardConfig of type forward.
	// +optional
	ForwardConfig *ForwardActionConfig `json:"forwardConfig,omitempty"`
	// RedirectConfig of type redirect.
	// +optional
	RedirectConfig *RedirectActionConfig `json:"redirectConfig,omitempty"`
	// FixedResponseConfig of type fixed-response.
	// +optional
	FixedResponseConfig *FixedResponseActionConfig `json:"fixedResponseConfig,omitempty"`
	// AuthenticateCognitoConfig of type authenticate-cognito. HTTPS listeners only.
	// +optional
	AuthenticateCognitoConfig *AuthenticateCognitoActionConfig `json:"authenticateCognitoConfig,omitempty"`
	// AuthenticateOIDCConfig of type authenticate-oidc. HTTPS listeners only.
	// +optional
	AuthenticateOIDCConfig *AuthenticateOIDCActionConfig `json:"authenticateOIDCConfig,omitempty"`
	// JWTValidationConfig of type jwt-validation. HTTPS listeners only.
	// +optional
	JWTValidationConfig *JWTValidationActionConfig `json:"jwtValidationConfig,omitempty"`
}

// ConditionField is the property of a request that a condition checks.
// +kubebuilder:validation:Enum=source-ip
type ConditionField string

// ConditionSourceIP is the address of the client.
const ConditionSourceIP ConditionField = "source-ip"

// SourceIPConditionConfig has addresses of clients.
type SourceIPConditionConfig struct {
	// Values are CIDRs.
	// +kubebuilder:validation:MinItems=1
	Values []string `json:"values"`
}

// Condition narrows the matches of a route's rule.
// +kubebuilder:validation:XValidation:rule="has(self.sourceIPConfig) == (self.field == 'source-ip')",message="sourceIPConfig must be set when field is source-ip, and only then"
type Condition struct {
	// Field that the condition checks.
	Field ConditionField `json:"field"`
	// SourceIPConfig of field source-ip.
	// +optional
	SourceIPConfig *SourceIPConditionConfig `json:"sourceIPConfig,omitempty"`
	// MatchIndexes are the matches of the route's rule to which the condition applies, counted from 0. By default all
	// matches.
	// +optional
	MatchIndexes *[]int `json:"matchIndexes,omitempty"`
}

// ListenerRuleConfigurationSpec completes the rules of the routes that refer to it.
// +kubebuilder:validation:XValidation:rule="!has(self.actions) || size(self.actions.filter(a, a.type in ['authenticate-oidc', 'authenticate-cognito', 'jwt-validation'])) <= 1",message="actions may have at most one of authenticate-oidc, authenticate-cognito and jwt-validation"
// +kubebuilder:validation:XValidation:rule="!has(self.actions) || size(self.actions.filter(a, a.type in ['fixed-response', 'forward', 'redirect'])) <= 1",message="actions may have at most one of fixed-response, forward and redirect"
type ListenerRuleConfigurationSpec struct {
	// Actions of the rules.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Actions []Action `json:"actions,omitempty"`
	// Conditions of the rules, in addition to the matches of the route.
	// +optional
	// +kubebuilder:validation:MinItems=1
	Conditions []Condition `json:"conditions,omitempty"`
	// Tags of the rules.
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
}

// ListenerRuleConfigurationStatus says whether the configuration can be used.
type ListenerRuleConfigurationStatus struct {
	// ObservedGeneration is the generation for which the controller wrote the status.
	// +optional
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
	// Accepted says whether routes can use the configuration.
	// +optional
	Accepted *bool `json:"accepted,omitempty"`
	// Message says why routes cannot use the configuration.
	// +optional
	Message *string `json:"message,omitempty"`
}

// ListenerRuleConfiguration completes the rules of HTTPRoutes and GRPCRoutes that refer to it by an ExtensionRef
// filter.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:storageversion
// +kubebuilder:resource:path=listenerruleconfigurations,singular=listenerruleconfiguration,scope=Namespaced
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
type ListenerRuleConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ListenerRuleConfigurationSpec   `json:"spec,omitempty"`
	Status ListenerRuleConfigurationStatus `json:"status,omitempty"`
}

// ListenerRuleConfigurationList is a list of configurations.
// +kubebuilder:object:root=true
type ListenerRuleConfigurationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ListenerRuleConfiguration `json:"items"`
}
