/* The public face of crypto: cards' cryptography, sealing, keys. The only place that knows OpenSSL
 * (TLS apart). */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "crypto/context.h"
#include "crypto/custody.h"
#include "crypto/ed25519.h"
#include "crypto/kdf.h"
#include "crypto/keystore.h"
#include "crypto/mac.h"
#include "crypto/pboc.h"
#include "crypto/rng.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "crypto/x509.h"

#endif
