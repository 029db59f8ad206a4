package elbv2

import "github.com/k8s-lbc/lbc/awssim/account"

// checkUserPool holds an authenticate-cognito action against the account's user pools, as a load balancer does by
// cognito-idp:DescribeUserPoolClient. An account that was described without user pools takes any.
func (s *Service) checkUserPool(c *account.Cognito) error {
	if s.account.UserPools == nil {
		return nil
	}
	pool := s.account.UserPools[c.UserPoolARN]
	if pool == nil {
		return badAction("The user pool '%s' does not exist", c.UserPoolARN)
	}
	secret, ok := pool.Clients[c.UserPoolClientID]
	return first(
		when(!ok, badAction("The user pool client '%s' does not exist in the user pool '%s'", c.UserPoolClientID, c.UserPoolARN)),
		when(pool.Domain != c.UserPoolDomain, badAction("The user pool domain '%s' is not that of the user pool '%s'", c.UserPoolDomain, c.UserPoolARN)),
		when(secret == "", badAction("The user pool client '%s' must have a client secret", c.UserPoolClientID)),
	)
}
