#include "sha256.hpp"

#include <openssl/evp.h>

namespace pawl_tool {

namespace {

// Looking an algorithm up takes longer than digesting a small file: once is enough.
const EVP_MD* algorithm() {
  static EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return found;
}

}  // namespace

struct sha256::state {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

sha256::sha256() : state_(std::make_unique<state>()) {}
sha256::~sha256() {
  EVP_MD_CTX_free(state_->context);
}

bool sha256::begin() noexcept {
  return state_->context != nullptr && algorithm() != nullptr &&
         EVP_DigestInit_ex2(state_->context, algorithm(), nullptr) == 1;
}

bool sha256::add(const void* bytes, std::size_t count) noexcept {
  return EVP_DigestUpdate(state_->context, bytes, count) == 1;
}

std::string sha256::end() {
  constexpr char digits[] = "0123456789abcdef";
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned count = 0;
  if (EVP_DigestFinal_ex(state_->context, raw, &count) != 1) return {};
  std::string text;
  text.reserve(std::size_t{2} * count);
  for (unsigned i = 0; i < count; ++i) {
    text += digits[raw[i] >> 4];
    text += digits[raw[i] & 15];
  }
  return text;
}

}  // namespace pawl_tool
