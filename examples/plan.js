// What every size would cost, before a file is made.
import { plan } from 'bitbudget';

const { plans } = await plan('node_modules/bitbudget-tiny', {
  palette: ['Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'],
  calibration: { tokens: 2048 },
});
for (const { prediction } of plans)
  console.log(`${(prediction.fileBytes / 1e6).toFixed(2)} MB  KL ${prediction.kl.toPrecision(3)}`);
