// Package cloud is the edge towards AWS: narrow interfaces over the SDK clients, their construction, the limiter that every
// call passes, conversions between SDK shapes and ours, the classification of errors, and the list of operations with their
// permissions. It keeps no state about resources. It may import the AWS SDK, diag, stack, facts and plan.
package cloud
