#include "core/images.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/parallel.hpp"
#include "core/pieces.hpp"
#include "core/schedule.hpp"
#include "core/shares.hpp"
#include "dispatch/dispatch.hpp"

namespace bnfast {
namespace {

// Rows that follow each other as their pixels do are taken as one, so that strips are long.
bool rows_join(const ImagePair& pair, ImageSize size) {
  return pair.in.row == size.width * pair.in.pixel && pair.out.row == size.width * pair.out.pixel;
}

ImageSize joined(ImagePairs images, ImageSize size) {
  const bool all = std::all_of(images.begin(), images.end(),
                               [&](const ImagePair& pair) { return rows_join(pair, size); });
  return all ? ImageSize{1, size.height * size.width, size.channels} : size;
}

// All numbers of a row side by side.
bool dense(const Image& image, ptrdiff_t channels, ptrdiff_t item) {
  return image.pixel == channels * item && (image.channel == item || channels == 1);
}

// One past the last byte of an image.
const char* end_of(const Image& image, ImageSize size, ptrdiff_t item) {
  const char* end = image.data + item;
  const auto reach = [&end](ptrdiff_t steps, ptrdiff_t stride) {
    if (stride > 0) end += (steps - 1) * stride;
  };
  reach(size.height, image.row);
  reach(size.width, image.pixel);
  reach(size.channels, image.channel);
  return end;
}

// A strip may grow by what its end is moved to reach a whole cache line.
constexpr ptrdiff_t kLine = 64;
constexpr ptrdiff_t kStripPixels = kMostPixels - kLine;

// A call cut into strips of a row: by the shape alone.
class Strips {
 public:
  Strips(ImagePairs images, ImageSize size, const PixelMap& map, ChannelOrder order,
         bool coefficients_by_input, Store store)
      : images_(images),
        size_(size),
        per_row_(ceil_div(size_.width, kStripPixels)),
        map_(map),
        order_(order),
        by_input_(coefficients_by_input),
        store_(store),
        in_item_(size_of(map.from())),
        out_item_(size_of(map.to())) {
    const auto from = static_cast<int>(map.from()), to = static_cast<int>(map.to());
    channel_ = active_kernels().pixels->channel[from][to];
    interleaved_ = active_kernels().pixels->interleaved[from][to];
    const bool few = size_.channels > 1 && size_.channels <= kMostPatternChannels;
    const bool all_dense = std::all_of(images.begin(), images.end(), [&](const ImagePair& pair) {
      return dense(pair.in, size_.channels, in_item_) && dense(pair.out, size_.channels, out_item_);
    });
    if (few && all_dense && !order_.swap_first_and_third) pattern_.emplace(map);
  }

  bool failed() const { return pattern_ && pattern_->failed(); }

  ptrdiff_t count() const { return images_.count * size_.height * per_row_; }

  void run(ptrdiff_t strip) const {
    const ptrdiff_t row = strip / per_row_, image = row / size_.height;
    const ptrdiff_t begin = strip % per_row_ * kStripPixels;
    const ImagePair& pair = images_.first[image];
    if (pattern_) return run_interleaved(pair, row % size_.height, begin);
    for (ptrdiff_t c = 0; c < size_.channels; ++c) {
      run_channel(pair, row % size_.height, begin, c);
    }
  }

 private:
  static constexpr ptrdiff_t kMostPatternChannels = 16;

  // Where a strip of a row that begins at `out` would begin if it were moved to whole cache lines.
  ptrdiff_t moved(const char* out, ptrdiff_t at) const {
    if (store_ != Store::streaming || at == 0) return std::min(at, size_.width);
    const auto past = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(out) % kLine);
    return std::min(at + (past == 0 ? 0 : (kLine - past) / out_item_), size_.width);
  }

  void run_channel(const ImagePair& pair, ptrdiff_t row, ptrdiff_t at, ptrdiff_t c) const {
    const ptrdiff_t from = order_(c);
    const char* in = pair.in.data + row * pair.in.row + from * pair.in.channel;
    char* out = pair.out.data + row * pair.out.row + c * pair.out.channel;
    const ptrdiff_t begin = moved(out, at), end = moved(out, at + kStripPixels);
    channel_({end - begin, in + begin * pair.in.pixel, pair.in.pixel,
              end_of(pair.in, size_, in_item_), out + begin * pair.out.pixel, pair.out.pixel,
              map_.of_channel(by_input_ ? from : c), store_});
  }

  void run_interleaved(const ImagePair& pair, ptrdiff_t row, ptrdiff_t begin) const {
    const ptrdiff_t pixels = std::min(kStripPixels, size_.width - begin);
    interleaved_({pixels * size_.channels, size_.channels,
                  pair.in.data + row * pair.in.row + begin * pair.in.pixel,
                  pair.out.data + row * pair.out.row + begin * pair.out.pixel, pattern_->data(),
                  pattern_->pitch(), store_});
  }

  ImagePairs images_;
  ImageSize size_;
  ptrdiff_t per_row_;
  const PixelMap& map_;
  ChannelOrder order_;
  bool by_input_;
  Store store_;
  ptrdiff_t in_item_, out_item_;
  PixelKernel channel_;
  InterleavedKernel interleaved_;
  std::optional<PixelPattern> pattern_;
};

Schedule schedule_of(ptrdiff_t images, ImageSize size, const PixelMap& map, int threads) {
  Work work{Walk::planes,        images * size.height, size.channels, size.width,
            size_of(map.from()), size_of(map.to()),    false,         false};
  work.images = true;
  return schedule_for(work, cache_sizes(), threads);
}

}  // namespace

Outcome map_images(ImagePairs images, ImageSize given, const PixelMap& map, ChannelOrder order,
                   bool coefficients_by_input, int threads) {
  const ImageSize size = joined(images, given);
  const Schedule schedule = schedule_of(images.count, size, map, threads);
  const Strips strips(images, size, map, order, coefficients_by_input, schedule.store);
  if (strips.failed()) return Outcome::out_of_memory;
  Shares shares(strips.count(), schedule.threads, kSmallTasks);
  run_team(schedule.threads, [&](const Team& team) {
    for_claimed(shares, team.rank, team.size, 1,
                [&](ptrdiff_t strip, ptrdiff_t) { strips.run(strip); });
    if (schedule.store == Store::streaming) active_kernels().fence();
  });
  return Outcome::done;
}

}  // namespace bnfast
